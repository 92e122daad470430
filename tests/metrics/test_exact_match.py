from __future__ import annotations

import math

import pytest

from outcrop.metrics.exact_match import exact_match

from .doubles import rows_of, value_of


@pytest.mark.parametrize(
    ("response", "reference", "expected"),
    [
        ("Paris", "Paris", 1),
        (" Paris\n", "\tParis", 1),
        ("paris", "Paris", 0),
        ("Paris.", "Paris", 0),
        ("New  York", "New York", 0),
        ("é", "e\u0301", 0),
        ("", "", 1),
        ("", "Paris", 0),
        ("  ", "", 1),
    ],
)
def test_value(response: str, reference: str, expected: float) -> None:
    assert value_of(exact_match(), response, reference) == expected


def test_missing_texts_are_left_out() -> None:
    rows = rows_of(exact_match(), (None, "a"), ("a", None), ("a", "a"), ("b", "a"), ("c", "a"))
    assert exact_match().score(rows) == pytest.approx(1 / 3)
    assert math.isnan(exact_match().score(rows[:2]))
