"""Precision and recall over words against fmeval."""

from __future__ import annotations

import math

import pytest

from outcrop.metrics import named
from outcrop.metrics.protocol import Pair

from .doubles import FIXTURES, fixture, rows_of

CASES = fixture(str(FIXTURES.parent / "robustness" / "fmeval.json"))["answers"]
# Quotients of small whole numbers.
TOLERANCE = 1e-15


@pytest.mark.parametrize("name", CASES[0]["scores"])
def test_values_are_fmevals(name: str) -> None:
    metric = named(name)
    found = metric.per_record(metric.prepare([Pair(case["response"], tuple(case["references"])) for case in CASES]))
    assert len(CASES) > 50
    assert found == pytest.approx([case["scores"][name] for case in CASES], abs=TOLERANCE)


def test_repeats_count_once() -> None:
    pairs = [("Paris, Paris is in France", "Paris in Texas")]
    precision, recall = named("precision_over_words"), named("recall_over_words")
    assert precision.score(rows_of(precision, *pairs)) == 2 / 4
    assert recall.score(rows_of(recall, *pairs)) == 2 / 3


def test_what_has_no_word_is_nothing() -> None:
    for name in ("precision_over_words", "recall_over_words"):
        metric = named(name)
        values = metric.per_record(rows_of(metric, ("", "a b"), ("b", "the"), ("", ""), (None, "b"), ("b", None)))
        assert values is not None
        assert values[:3].tolist() == [0, 0, 0]
        assert all(math.isnan(value) for value in values[3:])
