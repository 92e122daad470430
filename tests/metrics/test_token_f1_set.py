from __future__ import annotations

import math

import pytest

from outcrop.metrics.token_f1_set import token_f1_set

from .doubles import rows_of, value_of


@pytest.mark.parametrize(
    ("response", "reference", "expected"),
    [
        # Worked by hand: shared words s, F1 = 2 s / (different words of the response + those of the reference).
        ("new york new york", "new york", 1),
        ("in the city of Paris Paris", "Paris", 2 / 5),
        ("Berlin", "Paris", 0),
        ("", "", 0),
        ("the", "an", 0),
        ("", "Paris", 0),
    ],
)
def test_value(response: str, reference: str, expected: float) -> None:
    assert value_of(token_f1_set(), response, reference) == pytest.approx(expected, abs=1e-12)


def test_rows_and_missing_texts() -> None:
    rows = rows_of(token_f1_set(), ("new new york", "york york city"), (None, "x"), ("x", None))
    assert rows[0].tolist() == [1, 2, 2]
    assert token_f1_set().score(rows) == 0.5
    assert math.isnan(token_f1_set().score(rows[1:]))
