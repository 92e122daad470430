from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.classification.auc import roc_auc
from outcrop.metrics.classification.binary_counts import BinaryCounts
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.cost import cost_threshold
from outcrop.metrics.classification.threshold import choose_threshold, sweep

from .doubles import ORACLE, TOLERANCE, a_case, scored, scores, value

# Falling thresholds and what alerts they give: inf -, .9 tp, .8 fp, .7 tp, .4 tp and fp, .2 tn.
SMALL = [(1, 0.9), (0, 0.8), (1, 0.7), (1, 0.4), (0, 0.4), (0, 0.2)]


@pytest.mark.parametrize("name", [case["name"] for case in ORACLE["binary"] if "thresholds" in case["values"]])
def test_all_thresholds_equal_scikit_learns(name: str) -> None:
    case = a_case("binary", name)
    swept = sweep(scored(zip(case["happened"], case["scores"], strict=True)), "yes")
    at = case["values"]["at_thresholds"]
    # scikit-learn's begin at the highest score; "no alert" comes before it.
    assert swept.thresholds.tolist() == [math.inf, *case["values"]["thresholds"]]
    for cell in ("tp", "fp", "tn", "fn"):
        assert getattr(swept, cell)[1:].tolist() == at[cell]
    assert swept.counts(0) == BinaryCounts(0, 0, at["tn"][-1] + at["fp"][-1], at["fn"][-1] + at["tp"][-1])


@given(st.lists(st.tuples(st.booleans(), scores), min_size=1, max_size=15))
def test_the_area_under_the_points_is_the_auc(pairs: list[tuple[bool, float]]) -> None:
    swept = sweep(scored(pairs), "yes")
    up, right = swept.measure("recall"), swept.measure("fpr")
    area = float(((up[1:] + up[:-1]) / 2 * (right[1:] - right[:-1])).sum())
    assert area == pytest.approx(value(roc_auc("yes"), scored(pairs)), abs=TOLERANCE, nan_ok=True)


@given(st.lists(st.tuples(st.booleans(), scores), min_size=1, max_size=15))
def test_the_choice_is_the_best_of_all_thresholds(pairs: list[tuple[bool, float]]) -> None:
    def cells(threshold: float) -> tuple[int, int]:
        return sum(so and score < threshold for so, score in pairs), sum(
            not so and score >= threshold for so, score in pairs
        )

    best = min((3 * fn + fp, fn, fp) for fn, fp in (cells(threshold / 16) for threshold in range(18)))
    found = choose_threshold(scored(pairs), "yes", objective="minimise 3*fn + fp")
    assert (found.value, found.counts.fn, found.counts.fp) == best
    assert cells(found.threshold) == (found.counts.fn, found.counts.fp)


def test_the_notes_cost_under_the_notes_constraints() -> None:
    # 20 positives: recall 0.85 allows 3 misses, and 3/20 is no more than 0.15.
    pairs = [(1, 1 - place / 100) for place in range(17)] + [(1, 0.2)] * 3 + [(0, 0.83)] * 30 + [(0, 0.1)] * 50
    text = "recall >= 0.85 and fnr <= 0.15"
    found = choose_threshold(scored(pairs), "yes", objective="minimise 3*fn + fp", constraints=text)
    assert found.threshold == 0.84
    assert found.counts == BinaryCounts(tp=17, fp=0, tn=80, fn=3)
    assert found.value == 9
    assert found.counts.measures()["recall"] == 0.85
    assert found.counts.measures()["fnr"] == 0.15


@pytest.mark.parametrize(
    ("objective", "constraints", "threshold"),
    [
        ("maximise f1", "", 0.4),
        ("maximise precision", "", 0.9),
        ("maximise accuracy", "", 0.4),
        ("maximise recall", "alerts <= 0.5", 0.7),
        ("minimise fpr", "recall >= 60 %", 0.7),
        ("minimize alerts", "", math.inf),
        ("minimise fnr", "specificity > 0.66", 0.7),
        ("Maximize Recall", "FPR < 0.01", 0.9),
        ("minimise fn", "", 0.4),
        ("minimise fp", "", 0.9),
        ("maximise 2*tp - fp", "", 0.4),
        ("maximise precision", "recall ≥ 0.9 and precision ≤ 0.6", 0.4),
    ],
)
def test_objectives(objective: str, constraints: str, threshold: float) -> None:
    found = choose_threshold(scored(SMALL), "yes", objective=objective, constraints=constraints)
    assert found.threshold == threshold


def test_ties_go_to_fewer_misses_also_where_floats_differ() -> None:
    # 0.1 * 3 and 0.3 * 1 are the same money, and not the same float.
    pairs = [(1, 0.9), (0, 0.5), (1, 0.4), (1, 0.4), (1, 0.4)]
    assert choose_threshold(scored(pairs), "yes", objective="minimise 0.1*fn + 0.3*fp").threshold == 0.4


@pytest.mark.parametrize(("costs", "low"), [("3*fn + fp", 5), ("fn + fp", 10), ("fn + 3*fp", 15), ("4*fn + 16*fp", 16)])
def test_calibrated_scores_have_their_optimum_where_elkan_says(costs: str, low: int) -> None:
    # Of 20 records with the score p, 20 p are positive. At the optimum itself an alert costs as much as none: a tie.
    pairs = [(place < level, level / 20) for level in range(21) for place in range(20)]
    found = choose_threshold(scored(pairs), "yes", objective=f"minimise {costs}")
    assert found.threshold == low / 20 == pytest.approx(cost_threshold(costs))


def test_infinite_scores_are_alerts_whatever_the_threshold() -> None:
    swept = sweep(scored([(1, math.inf), (0, 0.5), (0, -math.inf)]), "yes")
    assert swept.thresholds.tolist() == [math.inf, 0.5, -math.inf]
    assert swept.counts(0) == BinaryCounts(tp=1, fp=0, tn=2, fn=0)


def test_what_is_missing_is_counted() -> None:
    items = [*scored([*SMALL, (1, math.nan)]), Classified("yes", "yes"), Classified(None, None, {"yes": 0.3})]
    assert sweep(items, "yes").n_left_out == 3
    assert choose_threshold(items, "yes", objective="maximise f1").n_left_out == 3


@pytest.mark.parametrize("items", [[], scored([(1, math.nan)]), [Classified("yes", "yes")]])
def test_nothing_to_choose_by_is_refused(items: list[Classified]) -> None:
    with pytest.raises(InvalidInput, match=f"items: found none of {len(items)} items has both a label and a score"):
        choose_threshold(items, "yes", objective="maximise f1")


def refusal(pairs: list[tuple[int, float]], constraints: str, objective: str = "maximise f1") -> str:
    with pytest.raises(InvalidInput) as caught:
        choose_threshold(scored(pairs), "yes", objective=objective, constraints=constraints)
    return str(caught.value)


def test_a_constraint_out_of_reach_names_the_best_that_can_be_reached() -> None:
    text = refusal([(1, 0.9), (1, 0.2), (0, 0.5)], "precision > 0.4 and recall >= 0.8 and fpr < 0.5")
    assert "constraints: precision > 0.4" not in text
    assert "recall >= 0.8: found at most 0.5 while the others hold (threshold 0.9)" in text
    assert "fpr < 0.5: found at least 1 while the others hold (threshold 0.2)" in text
    alone = refusal([(1, 0.9), (0, 0.5)], "alerts >= 1.5")
    assert alone.startswith("constraints: alerts >= 1.5: found at most 1 (threshold 0.5); expected ")


def test_where_no_two_constraints_hold_together_each_is_told_alone() -> None:
    text = refusal([(1, 0.9), (0, 0.5)], "alerts >= 1.5 and recall > 1")
    assert text.count("alone, and nowhere with all the others") == 2


def test_one_class_leaves_measures_undefined() -> None:
    assert "recall >= 0.5: found 0/0 at every threshold; expected" in refusal([(0, 0.4)], "recall >= 0.5")
    text = refusal([(0, 0.4)], "", "maximise recall")
    assert text.startswith("objective: found 'maximise recall', which is 0/0 everywhere")


@pytest.mark.parametrize(
    "text",
    [
        "recall",
        "recall = 0.8",
        "recall >= much",
        "sense >= 0.8",
        "recall >= 0.8 or fpr < 1",
        "__import__('os') > 1",
        ",",
    ],
)
def test_unreadable_constraints_are_refused(text: str) -> None:
    assert f"constraints: found {text.lower()!r}" in refusal(SMALL, text)


def test_all_unreadable_constraints_are_named_at_once() -> None:
    assert refusal(SMALL, "recall > x and f1 > 0.1 and nope < 1").startswith("2 faults:")


@pytest.mark.parametrize(
    "text",
    [
        "f1",
        "maximise",
        "maximise nothing",
        "minimise 3*fn + fp + fn",
        "minimise 3 fn 2 fp",
        "minimise 3**fn",
        "minimise recal",
    ],
)
def test_unreadable_objectives_are_refused(text: str) -> None:
    message = refusal(SMALL, "", text)
    assert message.startswith(f"objective: found {text!r}; expected maximise or minimise, and recall, precision, ")
    assert message.endswith("alerts or costs such as 3*fn + fp")
