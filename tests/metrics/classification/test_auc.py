from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.metrics.classification.auc import roc_auc, roc_auc_ovr
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.statistics.compare import compare, interval

from .doubles import TOLERANCE, a_case, case_names, scored, scores, value

pairs = st.lists(st.tuples(st.booleans(), scores), max_size=15)


@pytest.mark.parametrize("name", case_names("binary"))
def test_equals_scikit_learn_and_mann_whitney(name: str) -> None:
    case = a_case("binary", name)
    found = value(roc_auc("yes"), scored(zip(case["happened"], case["scores"], strict=True)))
    assert found == pytest.approx(case["values"]["roc_auc"], abs=TOLERANCE)
    assert found == pytest.approx(case["values"]["mann_whitney"], abs=TOLERANCE)


@pytest.mark.parametrize("name", case_names("classes"))
def test_one_against_rest_equals_scikit_learn(name: str) -> None:
    case = a_case("classes", name)
    names = "abcd"[: len(case["chances"][0])]
    items = [
        Classified(names[right], None, dict(zip(names, chances, strict=True)))
        for right, chances in zip(case["right"], case["chances"], strict=True)
    ]
    assert value(roc_auc_ovr(list(names)), items) == pytest.approx(case["values"]["roc_auc_ovr"], abs=TOLERANCE)


def test_a_tie_is_half() -> None:
    assert value(roc_auc("yes"), scored([(1, 0.5), (0, 0.5)])) == 0.5
    assert value(roc_auc("yes"), scored([(1, 0.5), (0, 0.5), (0, 0.1)])) == 0.75


@pytest.mark.parametrize("items", [[(1, 0.2), (1, 0.8)], [(0, 0.2)], [(1, 0.3)], []])
def test_one_class_is_undefined_and_not_zero(items: list[tuple[int, float]]) -> None:
    assert math.isnan(value(roc_auc("yes"), scored(items)))


def test_a_class_without_items_is_undefined() -> None:
    items = [Classified(label, None, {"a": 0.2, "b": 0.5, "c": 0.3}) for label in "ab"]
    assert math.isnan(value(roc_auc_ovr(["a", "b", "c"]), items))


def test_any_scale_will_do_infinity_included() -> None:
    assert value(roc_auc("yes"), scored([(1, math.inf), (1, -3.0), (0, -3.5), (0, -math.inf)])) == 1


def test_missing_scores_and_labels_are_left_out() -> None:
    items = [*scored([(1, 0.9), (0, 0.1), (1, math.nan)]), Classified("yes", "yes"), Classified(None, None, {"yes": 0})]
    metric = roc_auc("yes")
    rows = metric.prepare(items)
    assert [math.isnan(row[0]) for row in rows] == [False, False, True, True, True]
    assert metric.score(rows) == 1
    several = roc_auc_ovr(["a", "b"])
    left_out = [Classified("c", None, {"a": 1, "b": 0}), Classified("a", None, {"a": 1}), Classified(None, None, {})]
    assert all(math.isnan(row[0]) for row in several.prepare(left_out))


@given(pairs)
def test_the_complement(items: list[tuple[bool, float]]) -> None:
    one = value(roc_auc("yes"), scored(items))
    for other in ([(so, -score) for so, score in items], [(not so, score) for so, score in items]):
        assert one == pytest.approx(1 - value(roc_auc("yes"), scored(other)), abs=TOLERANCE, nan_ok=True)


@given(pairs)
def test_a_rising_function_changes_nothing(items: list[tuple[bool, float]]) -> None:
    moved = [(so, math.exp(3 * score) - 7) for so, score in items]
    assert value(roc_auc("yes"), scored(items)) == pytest.approx(value(roc_auc("yes"), scored(moved)), nan_ok=True)


@given(pairs)
def test_it_is_the_share_of_pairs_in_order(items: list[tuple[bool, float]]) -> None:
    ups, downs = ([score for so, score in items if so == side] for side in (True, False))
    wins = [(up > down) + (up == down) / 2 for up in ups for down in downs]
    expected = sum(wins) / len(wins) if wins else math.nan
    assert value(roc_auc("yes"), scored(items)) == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


def test_its_interval_and_test_are_delongs() -> None:
    items = [(1, 0.9), (1, 0.8), (1, 0.35), (0, 0.6), (0, 0.3), (0, 0.2), (0, math.nan)]
    better = [(label, score + 0.3 * (label == 1)) for label, score in items]
    metric = roc_auc("yes")
    before, after = metric.prepare(scored(items)), metric.prepare(scored(better))
    found = interval(metric, before, seed=0)
    assert found.method == "Wilson with DeLong's variance"
    assert found.value == pytest.approx(8 / 9)
    assert (found.n, found.n_left_out) == (6, 1)
    changed = compare(metric, before, after, seed=0)
    assert changed.method == "DeLong"
    assert changed.difference == pytest.approx(metric.score(after) - metric.score(before))
    # In clusters DeLong's variance does not hold.
    assert "DeLong" not in interval(metric, before, seed=0, clusters=[1, 1, 2, 2, 3, 3, 4]).method
