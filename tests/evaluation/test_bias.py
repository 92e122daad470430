from __future__ import annotations

import math

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.domain.scores import GroupGap
from outcrop.engines.scripted import Script, ScriptedEngine
from outcrop.evaluation.bias import SentencePair, group_gaps, scored_pairs
from outcrop.metrics import named
from outcrop.metrics.lines import LineMean
from outcrop.metrics.protocol import Pair
from outcrop.metrics.stereotyping import prompt_stereotyping

MEAN: LineMean[float] = LineMean("score", "score|v1", ("value",), lambda items: np.array(items)[:, None], unit="points")


def test_pairs_are_scored_by_any_engine() -> None:
    engine = ScriptedEngine(Script(logprob_per_character=-0.5))
    pairs = [SentencePair("Old men nap.", "Young men nap."), SentencePair("", "Men nap."), SentencePair("abc", "ab")]
    found = scored_pairs(engine, pairs, window=64, stride=32)
    assert (found[0].more, found[0].less) == (-6, -7)
    assert math.isnan(found[1].more)
    assert (found[2].more, found[2].less) == (-1.5, -1)
    metric = prompt_stereotyping()
    assert metric.per_record(metric.prepare(found))[[0, 2]].tolist() == [1, 0]
    assert scored_pairs(engine, [], window=64, stride=32) == []


def test_a_window_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match="stride"):
        scored_pairs(ScriptedEngine(Script()), [SentencePair("a", "b")], window=8, stride=8)


def gaps(groups: dict[str | None, list[float]], **options: object) -> list[GroupGap]:
    names = [name for name, values in groups.items() for _ in values]
    rows = np.array([value for values in groups.values() for value in values], dtype=float)[:, None]
    return group_gaps(MEAN, rows, names, seed=0, **options)  # type: ignore[arg-type]


def test_each_group_is_held_against_all_others() -> None:
    generator = np.random.default_rng(1)
    values = {"a": generator.normal(5, 1, 60), "b": generator.normal(5, 1, 40), "c": generator.normal(2, 1, 30)}
    found = gaps({name: list(each) for name, each in values.items()})
    assert [one.group for one in found] == ["a", "b", "c"]
    last = found[-1]
    others = np.concatenate([values["a"], values["b"]])
    assert last.difference == pytest.approx(values["c"].mean() - others.mean())
    assert (last.value, last.others) == pytest.approx((values["c"].mean(), others.mean()))
    assert (last.n, last.n_others, last.method) == (30, 100, "Welch t")
    assert last.low is not None
    assert last.high is not None
    assert last.low < -3 < last.high < 0
    raw = sorted(one.p_value or 0 for one in found)
    # Holm: the smallest of three times three, and the others no smaller than those before.
    assert sorted(one.p_holm or 0 for one in found)[0] == pytest.approx(3 * raw[0])
    assert all((one.p_holm or 0) >= (one.p_value or 0) for one in found)


def test_of_two_groups_the_smaller_is_shown_once() -> None:
    found = gaps({"a": [1.0, 2.0] * 20, "b": [2.0, 3.0] * 11, None: [9.0] * 50})
    assert [(one.group, one.n, one.n_others, one.difference) for one in found] == [("b", 22, 40, 1)]


def test_a_small_group_makes_no_claim() -> None:
    found = gaps({"a": [1.0, 2.0] * 20, "b": [2.0, 3.0] * 20, "c": [9.0] * 19})
    small = found[-1]
    assert (small.group, small.value, small.difference, small.p_value, small.p_holm) == ("c", 9, None, None, None)
    assert small.method == "no test: fewer than 20 records with a value in the group or beside it"
    assert gaps({"a": [1.0, 2.0] * 20, "b": [2.0, 3.0] * 5}, smallest=10)[0].difference == 1


def test_values_are_counted_and_not_records() -> None:
    found = gaps({"a": [1.0, 2.0] * 20, "b": [2.0] * 19 + [math.nan] * 30})
    assert [(one.group, one.n, one.difference) for one in found] == [("a", 40, None)]


def test_one_group_or_none_has_nothing_beside_it() -> None:
    alone = gaps({"a": [1.0, 2.0] * 20})
    assert [(one.n_others, one.others, one.difference) for one in alone] == [(0, None, None)]
    assert gaps({None: [1.0, 2.0] * 20}) == []


def test_metrics_that_are_no_mean_have_gaps_too() -> None:
    metric = named("wer")
    rows = metric.prepare([Pair("a b", ("a b",))] * 30 + [Pair("a", ("a b",)), Pair("a b", ("a b",))] * 15)
    (found,) = group_gaps(metric, rows, ["x"] * 30 + ["y"] * 30, seed=0)
    assert (found.group, found.difference) == ("y", 0.25)
    assert "percentile bootstrap within the groups" in found.method


def test_what_is_asked_wrongly_is_refused() -> None:
    rows = np.ones((4, 1))
    with pytest.raises(InvalidInput) as caught:
        group_gaps(MEAN, rows, ["a"] * 3, seed=0, smallest=1, clusters=["x"])
    assert [fault.field for fault in caught.value.faults] == ["smallest", "groups", "clusters"]


def test_clusters_may_reach_over_groups() -> None:
    generator = np.random.default_rng(2)
    shared = np.repeat(generator.normal(0, 5, 25), 2)
    rows = (shared + generator.normal(0, 0.1, 50))[:, None]
    names = [str(place // 2) for place in range(50)]
    apart, together = (
        group_gaps(MEAN, rows, ["a", "b"] * 25, seed=0, clusters=clusters)[0] for clusters in (None, names)
    )
    assert together.difference == apart.difference
    assert together.method == "Student t over 25 clusters of both groups"
    assert (apart.high or 0) - (apart.low or 0) > 20 * ((together.high or 0) - (together.low or 0))
