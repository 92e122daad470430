from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.scores import Direction
from outcrop.metrics.error_rate import character_error_rate, edit_distance, word_error_rate
from outcrop.metrics.protocol import Pair, TextMetric

from .doubles import FIXTURES, rows_of
from .translation import of_sums

FIXTURE: dict[str, Any] = json.loads((FIXTURES / "error_rate.json").read_text(encoding="utf-8"))
METRICS: dict[str, TextMetric] = {"wer": word_error_rate(), "cer": character_error_rate()}

every_metric = pytest.mark.parametrize("name", METRICS)
sequences = st.lists(st.sampled_from("abc"), max_size=9)


@every_metric
def test_values_equal_jiwer(name: str) -> None:
    metric, cases = METRICS[name], FIXTURE["cases"]
    rows = rows_of(metric, *((case["response"], case["reference"]) for case in cases))
    assert of_sums(metric, rows) == pytest.approx([case[name] for case in cases], abs=1e-11)
    assert metric.score(rows) == pytest.approx(FIXTURE[name], abs=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("kitten", "sitting", 3), ("Saturday", "Sunday", 3), ("", "abc", 3), ("abc", "", 3), ("", "", 0), ("ab", "ba", 2)],
)
def test_known_distances(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == distance


def table(first: list[str], second: list[str]) -> int:
    """The distance, cell by cell: the slow, clear version."""
    row = list(range(len(second) + 1))
    for place, element in enumerate(first, 1):
        above, row = row, [place]
        for other, candidate in enumerate(second, 1):
            row.append(min(above[other] + 1, row[-1] + 1, above[other - 1] + (element != candidate)))
    return row[-1]


@given(sequences, sequences)
def test_distance_is_that_of_the_table(first: list[str], second: list[str]) -> None:
    assert edit_distance(first, second) == table(first, second)


def test_distance_of_long_texts_is_that_of_the_table() -> None:
    lot = random.Random(7)
    first, second = lot.choices("abcdefgh", k=300), lot.choices("abcdefgh", k=250)
    assert edit_distance(first, second) == table(first, second)


def test_is_a_ratio_of_sums() -> None:
    metric = word_error_rate()
    rows = rows_of(metric, ("a b", "a"), ("a b c d", "a b c x"))
    assert rows.tolist() == [[1, 1], [1, 4]]
    assert metric.score(rows) == 2 / 5  # the mean of the rates is 5/8


def test_white_space_separates_words_and_counts_as_characters() -> None:
    assert rows_of(word_error_rate(), (" a\n b\t", "a b")).tolist() == [[0, 2]]
    assert rows_of(character_error_rate(), (" a\nb ", "a b")).tolist() == [[1, 3]]


def test_the_reference_with_the_lowest_rate_counts() -> None:
    pairs = [Pair("a b", ("x", "a b c")), Pair("a b", ("", "c d e")), Pair("", ("a", ""))]
    assert word_error_rate().prepare(pairs).tolist() == [[1, 3], [3, 3], [0, 0]]


@every_metric
def test_what_cannot_be_scored_and_what_is_empty(name: str) -> None:
    metric = METRICS[name]
    rows = rows_of(metric, (None, "a"), ("a", None), ("", "x"), ("x", ""), ("", ""), ("x", "x"))
    assert [math.isnan(row[0]) for row in rows] == [True, True, False, False, False, False]
    assert metric.score(rows) == 1  # a deletion and an insertion, of two
    assert math.isnan(metric.score(rows[:2]))
    assert math.isnan(metric.score(rows[3:5]))


def test_says_what_it_is() -> None:
    assert word_error_rate().direction is character_error_rate().direction is Direction.LOWER
    assert word_error_rate().signature == "wer|tok:white-space|case:kept|refs:best|stat:ratio-of-sums|v1"
    assert character_error_rate().signature.startswith("cer|tok:code-points|strip:ends|")
