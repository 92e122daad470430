"""Bedrock's robustness of tasks with references: its formula, worked from fmeval's numbers."""

from __future__ import annotations

import math

import pytest

from outcrop.domain.errors import NotSupported
from outcrop.domain.scores import Direction
from outcrop.metrics import named
from outcrop.metrics.robustness.relative_delta import relative_delta
from outcrop.metrics.robustness.responses import Responses
from outcrop.metrics.statistics.compare import interval

from .doubles import FMEVAL, HOW, delta_items


def test_it_is_delta_per_score_in_per_cent() -> None:
    metric = relative_delta(named("token_f1_set"), HOW)
    rows = metric.prepare(delta_items())
    deltas = [case["delta"]["token_f1_set"] for case in FMEVAL["deltas"]]
    scores = [case["score"]["token_f1_set"] for case in FMEVAL["deltas"]]
    assert metric.score(rows) == pytest.approx(100 * sum(deltas) / sum(scores), rel=1e-12)
    found = interval(metric, rows, seed=1)
    assert found.low is not None
    assert found.low < metric.score(rows) < (found.high or 0)


def test_its_name_is_bedrocks() -> None:
    metric = relative_delta(named("token_f1_set"), HOW)
    assert (metric.name, metric.unit, metric.direction) == ("Builtin.Robustness", "%", Direction.LOWER)
    assert metric.signature != relative_delta(named("token_f1"), HOW).signature


def test_where_nothing_was_right_nothing_can_be_lost() -> None:
    metric = relative_delta(named("exact_match"), HOW)
    rows = metric.prepare([Responses("Lyon", ("Paris",), ("Paris",)), Responses(None, ("a",), ("a",))])
    assert math.isnan(metric.score(rows))
    assert math.isnan(metric.score(rows[1:]))


def test_a_metric_of_all_records_together_is_refused() -> None:
    with pytest.raises(NotSupported, match=r"Builtin\.Robustness needs a value for each record"):
        relative_delta(named("chrf"), HOW)
