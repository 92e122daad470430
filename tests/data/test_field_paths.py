from __future__ import annotations

import pytest

from outcrop.data.field_paths import value_at

RECORD: dict[str, object] = {
    "kind": None,
    "meta": {"product": {"id": 7}, "tags": ["a", {"b": "c"}]},
    "meta.product": "flat",
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("kind", (True, None)),
        ("meta.product.id", (True, 7)),
        ("meta.tags.1.b", (True, "c")),
        ("meta.product", (True, "flat")),
        ("meta.tags.2", (False, None)),
        ("meta.tags.-1", (False, None)),
        ("kind.of", (False, None)),
        ("", (False, None)),
    ],
)
def test_paths(path: str, found: tuple[bool, object]) -> None:
    assert value_at(RECORD, path) == found
