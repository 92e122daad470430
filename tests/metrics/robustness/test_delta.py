"""Deltas against fmeval's code."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outcrop.domain.errors import NotSupported
from outcrop.domain.scores import Direction
from outcrop.metrics import named
from outcrop.metrics.robustness.delta import delta
from outcrop.metrics.robustness.responses import Responses

from .doubles import FMEVAL, HOW, delta_items

# Means of five numbers, added up in another order.
TOLERANCE = 1e-12


@pytest.mark.parametrize("name", FMEVAL["deltas"][0]["delta"])
def test_deltas_are_fmevals(name: str) -> None:
    metric = delta(named(name), HOW)
    wanted = [case["delta"][name] for case in FMEVAL["deltas"]]
    assert any(wanted)
    rows = metric.prepare(delta_items())
    assert metric.per_record(rows) == pytest.approx(wanted, abs=TOLERANCE)
    assert metric.score(rows) == pytest.approx(np.mean(wanted), abs=TOLERANCE)


def test_a_delta_never_tells_a_gain_from_a_loss() -> None:
    metric = delta(named("exact_match"), HOW)
    items = [Responses("Paris", ("Lyon",), ("Paris",)), Responses("Lyon", ("Paris",), ("Paris",))]
    assert metric.score(metric.prepare(items)) == 1
    assert (metric.name, metric.unit, metric.direction) == ("delta_exact_match:typos", "", Direction.LOWER)
    assert metric.signature == f"delta|{HOW}|of:{named('exact_match').signature}|stat:mean-absolute|v1"


def test_what_has_no_value_is_left_out() -> None:
    metric = delta(named("exact_match"), HOW)
    rows = metric.prepare([Responses(None, ("a",), ("a",)), Responses("a", (), ("a",)), Responses("a", ("b",), ("a",))])
    assert [math.isnan(value) for value in metric.per_record(rows)] == [True, True, False]
    assert metric.score(rows) == 1


def test_a_metric_of_all_records_together_has_no_delta() -> None:
    with pytest.raises(NotSupported, match="delta needs a value for each record, and bleu has one for all"):
        delta(named("bleu"), HOW)
