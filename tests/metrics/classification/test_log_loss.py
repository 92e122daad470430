from __future__ import annotations

import math

import pytest

from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.log_loss import log_loss

from .doubles import TOLERANCE, a_case, case_names, scored, value


@pytest.mark.parametrize("name", case_names("binary"))
def test_binary_equals_scikit_learn(name: str) -> None:
    case = a_case("binary", name)
    found = value(log_loss(["yes", "no"]), scored(zip(case["happened"], case["scores"], strict=True)))
    assert found == pytest.approx(case["values"]["log_loss"], abs=TOLERANCE)


@pytest.mark.parametrize("name", case_names("classes"))
def test_several_labels_equal_scikit_learn(name: str) -> None:
    case = a_case("classes", name)
    names = "abcd"[: len(case["chances"][0])]
    items = [
        Classified(names[right], None, dict(zip(names, chances, strict=True)))
        for right, chances in zip(case["right"], case["chances"], strict=True)
    ]
    assert value(log_loss(list(names)), items) == pytest.approx(case["values"]["log_loss"], abs=TOLERANCE)


def test_even_odds_are_the_logarithm_of_the_number_of_labels() -> None:
    assert value(log_loss(list("abcd")), [Classified("a", None, dict.fromkeys("abcd", 0.25))]) == math.log(4)


def test_a_right_label_of_probability_zero_costs_36_nats() -> None:
    assert value(log_loss(["yes", "no"]), scored([(1, 0.0)])) == pytest.approx(36.0437, abs=5e-5)
    assert value(log_loss(["yes", "no"]), scored([(1, 1.0)])) == 0


def test_one_of_two_probabilities_is_enough() -> None:
    metric = log_loss(["yes", "no"])
    both = [Classified("no", None, {"yes": 0.25, "no": 0.75})]
    assert value(metric, both) == value(metric, scored([(0, 0.25)])) == -math.log(0.75)


@pytest.mark.parametrize(
    "item",
    [
        Classified("a", None, {"a": 0.5, "b": 0.4}),
        Classified("a", None, {"a": 1.5}),
        Classified("a", None, {"a": -0.5, "b": 1.5}),
        Classified("a", None, {"a": 0.5, "b": math.nan}),
        Classified("a", None, {"a": math.inf}),
        Classified("a", None, {}),
        Classified("a", "a"),
        Classified("c", None, {"a": 0.5, "b": 0.5}),
        Classified(None, None, {"a": 0.5, "b": 0.5}),
    ],
)
def test_what_is_no_probability_is_left_out(item: Classified) -> None:
    rows = log_loss(["a", "b"]).prepare([item, Classified("a", None, {"a": 0.5})])
    assert [math.isnan(row[0]) for row in rows] == [True, False]
    assert log_loss(["a", "b"]).score(rows) == math.log(2)


def test_rounding_of_single_precision_is_forgiven() -> None:
    assert value(log_loss(["a", "b"]), [Classified("a", None, {"a": 1 + 1e-7, "b": -1e-9})]) == 0
    assert value(log_loss(["a", "b"]), [Classified("a", None, {"a": 0.5003, "b": 0.4999})]) == -math.log(0.5003)
