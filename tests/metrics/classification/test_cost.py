from __future__ import annotations

import math

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.classification.binary_counts import BinaryCounts
from outcrop.metrics.classification.confusion import matrix_of_counts
from outcrop.metrics.classification.cost import CostDecision, cost_threshold, decide, mean_cost

from .doubles import said, value

# The notes' churn: a missed churner loses 50 dollars, an offer costs 3, to a churner or not.
CHURN = BinaryCounts(tp=8, fp=8, tn=81, fn=3)
OFFER = "50*fn + 3*fp + 3*tp"


def test_the_notes_churn() -> None:
    decision = decide(CHURN, OFFER)
    assert decision == CostDecision(model=198, nobody=550, everybody=300)
    assert decision.cheapest == "model"
    assert CHURN.measures()["accuracy"] == 0.89


@pytest.mark.parametrize(
    ("costs", "cheapest"), [("fn + fp", "model"), ("1000*fn + fp", "everybody"), ("fn + 100*fp", "nobody")]
)
def test_the_cheapest_way_depends_on_the_costs(costs: str, cheapest: str) -> None:
    assert decide(BinaryCounts(tp=8, fp=2, tn=81, fn=3), costs).cheapest == cheapest


def test_a_model_that_saves_nothing_is_no_use() -> None:
    assert decide(BinaryCounts(tp=1, fp=1, tn=1, fn=1), "fn + fp").cheapest == "nobody"
    assert decide(BinaryCounts(0, 0, 0, 0), OFFER) == CostDecision(0, 0, 0)


def test_money_is_exact() -> None:
    assert decide(BinaryCounts(tp=0, fp=3, tn=0, fn=0), "0.1*fp").model == 0.3


@pytest.mark.parametrize(("costs", "threshold"), [("3*fn + fp", 0.25), ("fn + fp", 0.5), (OFFER, 0.06)])
def test_the_threshold_of_calibrated_probabilities(costs: str, threshold: float) -> None:
    assert cost_threshold(costs) == threshold


@pytest.mark.parametrize("costs", ["fn", "fp", "fn + tp + fp", "fn + fp - tn - 2*tp + tp"])
def test_costs_without_a_threshold_are_refused(costs: str) -> None:
    with pytest.raises(InvalidInput, match="costs: found"):
        cost_threshold(costs)


def test_the_mean_cost_of_items_is_that_of_their_matrix() -> None:
    items = matrix_of_counts(["churn", "stays"], [[8, 3], [8, 81]], rows="right").items()
    metric = mean_cost("churn", OFFER, unit="USD")
    assert value(metric, items) == pytest.approx(198 / 100)
    assert (metric.unit, metric.direction) == ("USD", "lower")
    assert metric.signature == "mean_cost|pos:churn|costs:3*tp+3*fp+0*tn+50*fn|v1"


def test_each_cell_costs_what_it_should() -> None:
    metric = mean_cost("y", "1*tp + 2*fp + 4*tn + 8*fn")
    rows = metric.prepare(said([("y", "y"), ("n", "y"), ("n", "?"), ("y", "n"), ("y", None), (None, "y")]))
    values = metric.per_record(rows)
    assert values[:4].tolist() == [1, 2, 4, 8]
    assert [math.isnan(each) for each in values[4:]] == [True, True]
    assert metric.score(rows) == 15 / 4


@pytest.mark.parametrize("text", ["", "fn fp", "3*x", "fn +", "fn**2", "open('x')", "3*fn + 2*fn", "1e3*fn"])
def test_unreadable_costs_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected costs such as 3\\*fn \\+ fp"):
        decide(CHURN, text)
