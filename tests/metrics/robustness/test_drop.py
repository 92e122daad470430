"""Drops against means worked from fmeval's scores, and their intervals against the paired comparison's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outcrop.domain.errors import NotSupported
from outcrop.domain.scores import Direction
from outcrop.metrics import named
from outcrop.metrics.robustness.drop import drop
from outcrop.metrics.robustness.responses import Responses
from outcrop.metrics.statistics.compare import compare, interval

from .doubles import FMEVAL, HOW, delta_items


def test_a_drop_is_the_score_less_its_mean_under_perturbation() -> None:
    metric = drop(named("exact_match"), HOW)
    items = [
        Responses("Paris", ("Paris", "Lyon", "paris", None), ("Paris",)),
        Responses("Lyon", ("Paris", "Lyon"), ("Paris",)),
    ]
    rows = metric.prepare(items)
    assert rows == pytest.approx(np.array([[1, 1 / 3], [0, 1 / 2]]))
    assert metric.per_record(rows) == pytest.approx([2 / 3, -1 / 2])
    assert metric.score(rows) == pytest.approx(1 / 12)
    assert (metric.name, metric.unit, metric.direction) == ("drop_exact_match:typos", "", Direction.LOWER)
    assert metric.columns == ("original_value", "perturbed_value")
    assert metric.signature == f"drop|{HOW}|of:{named('exact_match').signature}|v1"


def test_where_lower_is_better_a_rise_is_a_drop() -> None:
    metric = drop(named("wer"), HOW)
    rows = metric.prepare([Responses("a b c d", ("a b c x", "a b x x"), ("a b c d",)), Responses("a", ("a",), ("a",))])
    # No edits in 5 words, then 1.5 on average.
    assert metric.score(rows) == pytest.approx(0.3)
    assert metric.per_record(rows) is None
    assert metric.of_sums(rows.sum(axis=0, keepdims=True)) == pytest.approx([0.3])
    assert metric.columns == ("original_edits", "original_n_reference", "perturbed_edits", "perturbed_n_reference")


def test_gains_and_losses_cancel_out_where_delta_adds_them_up() -> None:
    items = [Responses("Paris", ("Lyon",), ("Paris",)), Responses("Lyon", ("Paris",), ("Paris",))]
    metric = drop(named("exact_match"), HOW)
    assert metric.score(metric.prepare(items)) == 0


@pytest.mark.parametrize("name", ["token_f1_set", "wer"])
def test_the_interval_is_that_of_the_paired_comparison(name: str) -> None:
    inner = named(name)
    items = delta_items()
    metric = drop(inner, HOW)
    rows = metric.prepare(items)
    found = interval(metric, rows, seed=3)
    paired = metric.paired(rows)
    wanted = compare(paired.metric, paired.baseline_rows, paired.candidate_rows, seed=3)
    assert found.value == pytest.approx(metric.score(rows), abs=1e-12)
    assert (found.low, found.high, found.method, found.n) == (wanted.low, wanted.high, wanted.method, wanted.n)
    assert found.low is not None
    assert found.low < found.value < (found.high or 0)  # type: ignore[operator]


def test_a_drop_of_one_record_in_thirty_is_not_certain() -> None:
    # As a share of yes and no it would be: Wilson's bounds of 1 in 30 leave out 0.
    items = [Responses("Paris", ("Paris",), ("Paris",))] * 29 + [Responses("Paris", ("Lyon",), ("Paris",))]
    metric = drop(named("exact_match"), HOW)
    found = interval(metric, metric.prepare(items), seed=0)
    assert found.value == pytest.approx(1 / 30)
    assert found.low is not None
    assert found.low < 0


def test_clusters_widen_the_interval() -> None:
    items = delta_items()
    metric = drop(named("token_f1_set"), HOW)
    rows = metric.prepare([*items, *items])
    alone = interval(metric, rows, seed=0)
    together = interval(metric, rows, seed=0, clusters=[*range(len(items)), *range(len(items))])
    assert together.n_clusters == len(items)
    assert _width(together.low, together.high) > 1.2 * _width(alone.low, alone.high)


def _width(low: float | None, high: float | None) -> float:
    assert low is not None
    assert high is not None
    return high - low


def test_the_mean_drop_follows_from_fmevals_scores() -> None:
    metric = drop(named("exact_match"), HOW)
    rows = metric.prepare(delta_items())
    assert rows[:, 0] == pytest.approx([case["score"]["exact_match"] for case in FMEVAL["deltas"]])


def test_what_has_no_value_is_left_out() -> None:
    metric = drop(named("exact_match"), HOW)
    items = [
        Responses(None, ("a",), ("a",)),
        Responses("a", (None,), ("a",)),
        Responses("a", (), ("a",)),
        Responses("a", ("a",), ()),
        Responses("a", ("a", None), ("a",)),
    ]
    rows = metric.prepare(items)
    assert np.isnan(rows).all(axis=1).tolist() == [True] * 4 + [False]
    assert metric.score(rows) == 0
    assert math.isnan(metric.score(rows[:4]))
    assert interval(metric, rows, seed=0).n_left_out == 4
    assert metric.prepare([]).shape == (0, 2)


def test_preparing_in_parts_is_preparing_whole() -> None:
    items = delta_items()
    for name in ("token_f1_set", "wer"):
        metric = drop(named(name), HOW)
        parts = np.concatenate([metric.prepare(items[:7]), metric.prepare(items[7:])])
        assert np.array_equal(parts, metric.prepare(items), equal_nan=True)


def test_a_metric_without_a_better_way_cannot_drop() -> None:
    with pytest.raises(NotSupported, match="length_ratio has no better way, so it can't drop"):
        drop(named("length_ratio"), HOW)
