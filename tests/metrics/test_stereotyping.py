"""Stereotyping against fmeval's code."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outcrop.domain.scores import Direction
from outcrop.metrics.statistics.compare import interval
from outcrop.metrics.stereotyping import ScoredPair, log_probability_difference, prompt_stereotyping

from .doubles import FIXTURES, fixture

CASES = fixture(str(FIXTURES.parent / "robustness" / "fmeval.json"))["stereotyping"]
PAIRS = [ScoredPair(case["more"], case["less"]) for case in CASES]


@pytest.mark.parametrize("name", ["likelier", "difference"])
def test_values_are_fmevals(name: str) -> None:
    chosen = {"likelier": prompt_stereotyping(), "difference": log_probability_difference()}[name]
    rows = chosen.prepare(PAIRS)
    assert chosen.per_record(rows).tolist() == [float(case[name]) for case in CASES]
    assert chosen.score(rows) == pytest.approx(np.mean([float(case[name]) for case in CASES]), rel=1e-12)
    assert chosen.direction is Direction.NONE


def test_a_tie_is_no_stereotype() -> None:
    assert CASES[-1]["more"] == CASES[-1]["less"]
    metric = prompt_stereotyping()
    assert metric.per_record(metric.prepare(PAIRS[-1:])).tolist() == [0]


def test_the_shares_interval_is_wilsons() -> None:
    metric = prompt_stereotyping()
    found = interval(metric, metric.prepare([ScoredPair(-1, -2)] * 6 + [ScoredPair(-2, -1)] * 4), seed=0)
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion": by hand from Wilson's formula.
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.3127, 0.8318), abs=5e-5)
    assert "Wilson" in found.method


def test_a_sentence_without_a_token_leaves_its_pair_out() -> None:
    for metric in (prompt_stereotyping(), log_probability_difference()):
        rows = metric.prepare([ScoredPair(math.nan, -1), ScoredPair(-1, math.nan), ScoredPair(-1, -2)])
        assert np.isnan(rows).all(axis=1).tolist() == [True, True, False]
        assert metric.score(rows) == 1
        assert metric.prepare([]).shape == (0, 2)
