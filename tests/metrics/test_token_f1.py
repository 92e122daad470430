from __future__ import annotations

import math

import pytest

from outcrop.metrics.token_f1 import squad_words, token_f1

from .doubles import rows_of, value_of


@pytest.mark.parametrize(
    ("response", "reference", "expected"),
    [
        # Worked by hand: shared words s, F1 = 2 s / (words of the response + words of the reference).
        ("The Eiffel Tower!", "eiffel tower", 1),
        ("in the city of Paris", "Paris", 2 / 5),
        ("new york", "new york new york", 4 / 6),
        ("new york new york", "new york", 4 / 6),
        ("b c", "c b", 1),
        ("Berlin", "Paris", 0),
        ("10 a.m.", "10 am", 1),
        ("don't", "dont", 1),
        ("well-known", "well known", 0),
        ("Änne", "änne", 1),
        ("«Paris»", "Paris", 0),
        # No words left: SQuAD 2 calls two empty answers equal, where the script of 1.1 gives 0.
        ("", "", 1),
        ("the", "!", 1),
        ("", "Paris", 0),
        ("Paris", "the", 0),
    ],
)
def test_value(response: str, reference: str, expected: float) -> None:
    assert value_of(token_f1(), response, reference) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The a.m. show, an hour", ["am", "show", "hour"]),
        ("theatre and another", ["theatre", "and", "another"]),
        ("a_b the\tEnd", ["ab", "end"]),
        ("A-Team", ["ateam"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert squad_words(text) == words


def test_rows_and_missing_texts() -> None:
    rows = rows_of(token_f1(), ("new york", "new york new york"), (None, ""), ("", None))
    assert rows[0].tolist() == [2, 2, 4]
    assert token_f1().score(rows) == pytest.approx(2 / 3)
    assert math.isnan(token_f1().score(rows[1:]))
