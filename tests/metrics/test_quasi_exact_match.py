from __future__ import annotations

import math

import pytest

from outcrop.metrics.quasi_exact_match import quasi_exact_match

from .doubles import rows_of, value_of


@pytest.mark.parametrize(
    ("response", "reference", "expected"),
    [
        ("The Eiffel Tower!", "eiffel  tower", 1),
        ("10 a.m.", "10 am", 1),
        ("Paris, France", "Paris", 0),
        ("the\tcat\n", "cat", 1),
        # fmeval splits at spaces only and sees one word here; SQuAD and HELM see an article.
        ("the\u2013cat", "\u2013cat", 1),
        ("le Louvre", "Louvre", 0),
        ("", "", 1),
        ("the", "!", 1),
        ("", "Paris", 0),
    ],
)
def test_value(response: str, reference: str, expected: float) -> None:
    assert value_of(quasi_exact_match(), response, reference) == expected


def test_missing_texts_are_left_out() -> None:
    rows = rows_of(quasi_exact_match(), (None, "a b"), ("b", None), ("B", "b."), ("c", "b"))
    assert quasi_exact_match().score(rows) == 0.5
    assert math.isnan(quasi_exact_match().score(rows[:2]))
