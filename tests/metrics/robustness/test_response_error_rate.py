"""The error rate of responses against jiwer's counts and fmeval's correction."""

from __future__ import annotations

import math

import pytest

from outcrop.domain.scores import Direction
from outcrop.metrics.robustness.response_error_rate import response_error_rate
from outcrop.metrics.robustness.responses import Responses

from .doubles import FMEVAL, HOW


def test_rates_are_fmevals() -> None:
    metric, cases = response_error_rate(HOW), FMEVAL["rates"]
    items = [Responses(case["original"], tuple(case["perturbed"]), (), tuple(case["repeats"])) for case in cases]
    found = metric.per_record(metric.prepare(items))
    assert found == pytest.approx([100 * case["rate"] for case in cases], abs=1e-10)
    # Some are corrected, some down to nothing.
    assert {case["baseline"] is None for case in cases} == {True, False}
    assert any(case["rate"] == 0 for case in cases)
    assert metric.score(metric.prepare(items)) == pytest.approx(100 * sum(case["rate"] for case in cases) / len(cases))


def test_its_name_is_bedrocks() -> None:
    metric = response_error_rate(HOW)
    assert (metric.name, metric.unit, metric.direction) == ("Builtin.Robustness", "%", Direction.LOWER)
    assert metric.signature == f"Builtin.Robustness|{HOW}|of:wer|tok:white-space|less:repeats|stat:mean|v1"


def test_what_has_no_value_is_left_out() -> None:
    metric = response_error_rate(HOW)
    items = [
        Responses(None, ("a",)),
        Responses(" ", ("a",)),
        Responses("a", (None,)),
        Responses("a", ()),
        Responses("a b", ("a", None, "")),
    ]
    rows = metric.prepare(items)
    assert [math.isnan(value) for value in metric.per_record(rows)] == [True] * 4 + [False]
    assert metric.score(rows) == 75
