"""Dissimilarity of responses, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outcrop.domain.errors import NotSupported
from outcrop.domain.scores import Direction
from outcrop.metrics import named
from outcrop.metrics.robustness.response_dissimilarity import response_dissimilarity
from outcrop.metrics.robustness.responses import Responses

from ..doubles import WordEncoder
from .doubles import HOW


def test_it_is_one_less_the_mean_over_variants() -> None:
    metric = response_dissimilarity(named("exact_match"), HOW)
    rows = metric.prepare([Responses("a", ("a", "b", "b", None)), Responses("a", ("a",))])
    assert metric.per_record(rows) == pytest.approx([2 / 3, 0])
    assert metric.score(rows) == pytest.approx(1 / 3)
    assert (metric.name, metric.direction) == ("dissimilarity_exact_match:typos", Direction.LOWER)


def test_what_chance_does_is_taken_off() -> None:
    metric = response_dissimilarity(named("exact_match"), HOW)
    # Of the pairs among a, a, b two of three differ; of the variants all do.
    rows = metric.prepare([Responses("a", ("c", "d"), (), ("a", "b")), Responses("a", ("a", "a"), (), ("b", "c"))])
    assert rows == pytest.approx(np.array([[1, 2 / 3], [0, 1]]))
    assert metric.per_record(rows) == pytest.approx([1 / 3, 0])


def test_the_original_is_the_reference() -> None:
    recall = response_dissimilarity(named("recall_over_words"), HOW)
    assert recall.score(recall.prepare([Responses("one two", ("one",))])) == 0.5
    # Of two samples the first is the reference, as in fmeval: of its two words the second has one.
    rows = recall.prepare([Responses("one", ("three",), (), ("one two",))])
    assert rows == pytest.approx(np.array([[1, 0.5]]))


def test_it_reads_through_an_encoder() -> None:
    metric = response_dissimilarity(named("bert_score", WordEncoder), HOW)
    assert metric.score(metric.prepare([Responses("one two", ("one two",))])) == pytest.approx(0, abs=1e-6)


def test_what_has_no_value_is_left_out() -> None:
    metric = response_dissimilarity(named("exact_match"), HOW)
    rows = metric.prepare([Responses(None, ("a",)), Responses("a", (None,)), Responses("a", (), (), ("b",))])
    assert all(math.isnan(value) for value in metric.per_record(rows))
    assert metric.prepare([]).shape == (0, 2)


def test_a_metric_of_all_records_together_is_refused() -> None:
    with pytest.raises(NotSupported, match="response dissimilarity needs a value for each record"):
        response_dissimilarity(named("wer"), HOW)
