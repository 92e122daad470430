from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.classification.confusion import matrix_of_counts
from outcrop.metrics.classification.kappa import Weights, cohen_kappa

from .doubles import ORACLE, TOLERANCE, a_case, case_names, labels, said, value

ALL_WEIGHTS: tuple[Weights, ...] = ("none", "linear", "quadratic")


@pytest.mark.parametrize("name", case_names("labels"))
def test_equals_scikit_learn(name: str) -> None:
    case = a_case("labels", name)
    items = said(zip(case["right"], case["said"], strict=True))
    for weights in ALL_WEIGHTS:
        metric = cohen_kappa(list("abcdefgh"[: case["k"]]), weights)
        if metric.name in case["values"]:
            expected = case["values"][metric.name]
            expected = math.nan if expected is None else expected
            assert value(metric, items) == pytest.approx(expected, abs=TOLERANCE, nan_ok=True), weights


@pytest.mark.parametrize("case", ORACLE["kappa"], ids=lambda case: str(case["table"]))
def test_equals_statsmodels(case: dict[str, dict[Weights, float]]) -> None:
    names = list("abc"[: len(case["table"])])
    items = matrix_of_counts(names, case["table"], rows="right").items()  # type: ignore[arg-type]
    for weights, expected in case["kappa"].items():
        assert value(cohen_kappa(names, weights), items) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("table", "expected"),
    [([[20, 5], [10, 15]], 0.4), ([[45, 15], [25, 15]], 0.1304), ([[25, 35], [5, 35]], 0.2593)],
)
def test_tables_of_the_literature(table: list[list[int]], expected: float) -> None:
    items = matrix_of_counts(["yes", "no"], table, rows="right").items()
    assert value(cohen_kappa(["yes", "no"]), items) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("weights", "expected"), [("none", 0.6250), ("linear", 0.8052), ("quadratic", 0.9189)])
def test_ratings_from_one_to_five(weights: Weights, expected: float) -> None:
    items = said(zip("1234512345", "1234422355", strict=True))
    assert value(cohen_kappa(list("12345"), weights), items) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("weights", ALL_WEIGHTS)
def test_one_and_the_same_label_everywhere_is_undefined(weights: Weights) -> None:
    assert math.isnan(value(cohen_kappa(["a", "b"], weights), said([("a", "a")] * 3)))
    assert math.isnan(value(cohen_kappa(["a", "b"], weights), []))


def test_chance_is_zero() -> None:
    assert value(cohen_kappa(["a", "b"]), said([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")])) == 0
    assert value(cohen_kappa(["a", "b"]), said([("a", "a"), ("b", "a")])) == 0


@pytest.mark.parametrize(
    ("weights", "expected"),
    # Worked by hand: right a a b c, predicted one each of a b c ?, the last 2 away from all. Disagreements seen are
    # 1, 2, 4; expected (2 * 3 + 3 + 3) / 4, (2 * 5 + 4 + 5) / 4, (2 * 9 + 6 + 9) / 4.
    [("none", 1 - 1 / 3), ("linear", 1 - 2 / (19 / 4)), ("quadratic", 1 - 4 / (33 / 4))],
)
def test_an_unknown_prediction_is_as_far_off_as_can_be(weights: Weights, expected: float) -> None:
    items = said([("a", "a"), ("b", "b"), ("c", "c"), ("a", "?")])
    assert value(cohen_kappa(list("abc"), weights), items) == pytest.approx(expected)


def test_the_order_matters_to_weights_only() -> None:
    items = said([("a", "a"), ("b", "c"), ("c", "c"), ("a", "b"), ("c", "a")])
    for weights in ALL_WEIGHTS:
        one, other = cohen_kappa(list("abc"), weights), cohen_kappa(list("bac"), weights)
        assert (value(one, items) == pytest.approx(value(other, items))) == (weights == "none")
        assert (one.signature == other.signature) == (weights == "none")


def test_unknown_weights_are_refused() -> None:
    with pytest.raises(InvalidInput, match="weights: found 'cubic'; expected one of none, linear, quadratic"):
        cohen_kappa(["a", "b"], "cubic")  # type: ignore[arg-type]


@given(st.lists(st.tuples(labels, labels), max_size=20), st.sampled_from(ALL_WEIGHTS))
def test_labels_and_predictions_can_change_sides(pairs: list[tuple[str, str]], weights: Weights) -> None:
    metric = cohen_kappa(list("abc"), weights)
    one, other = (value(metric, said(side)) for side in (pairs, [(b, a) for a, b in pairs]))
    assert one == pytest.approx(other, abs=TOLERANCE, nan_ok=True)
