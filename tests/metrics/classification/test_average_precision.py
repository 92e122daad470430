from __future__ import annotations

import math

import pytest

from outcrop.metrics.classification.average_precision import average_precision

from .doubles import TOLERANCE, a_case, case_names, scored, value


@pytest.mark.parametrize("name", case_names("binary"))
def test_equals_scikit_learn(name: str) -> None:
    case = a_case("binary", name)
    found = value(average_precision("yes"), scored(zip(case["happened"], case["scores"], strict=True)))
    assert found == pytest.approx(case["values"]["average_precision"], abs=TOLERANCE)


def test_steps_and_not_trapezoids() -> None:
    # Precision 1 at recall 1/2, then 2/4 at recall 1: the trapezoid would be 1/2 + (1 + 1/2) / 2 / 2 = 0.875.
    assert value(average_precision("yes"), scored([(1, 0.9), (0, 0.5), (0, 0.5), (1, 0.5)])) == 0.75


def test_ties_cross_together() -> None:
    assert value(average_precision("yes"), scored([(1, 0.5), (0, 0.5)])) == 0.5
    assert value(average_precision("yes"), scored([(0, 0.5), (1, 0.5)])) == 0.5


def test_no_positive_is_undefined_and_no_negative_is_one() -> None:
    assert math.isnan(value(average_precision("yes"), scored([(0, 0.5), (0, 0.7)])))
    assert math.isnan(value(average_precision("yes"), []))
    assert value(average_precision("yes"), scored([(1, 0.5), (1, 0.7)])) == 1


def test_missing_scores_are_left_out() -> None:
    assert value(average_precision("yes"), scored([(1, 0.9), (0, 0.1), (1, math.nan)])) == 1
