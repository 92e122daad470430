from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.metrics.classification.mcc import mcc

from .doubles import TOLERANCE, a_case, case_names, labels, said, value


@pytest.mark.parametrize("name", case_names("labels"))
def test_equals_scikit_learn(name: str) -> None:
    case = a_case("labels", name)
    found = value(mcc(list("abcdefgh"[: case["k"]])), said(zip(case["right"], case["said"], strict=True)))
    constant = len(set(case["right"])) == 1 or len(set(case["said"])) == 1
    # scikit-learn calls 0/0 zero; here it is undefined.
    expected = math.nan if constant else case["values"]["mcc"]
    assert found == pytest.approx(expected, abs=TOLERANCE, nan_ok=True)


def test_the_formula_for_two_labels() -> None:
    tp, tn, fp, fn = 8, 81, 8, 3
    items = said([("y", "y")] * tp + [("n", "n")] * tn + [("n", "y")] * fp + [("y", "n")] * fn)
    below = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    assert value(mcc(["y", "n"]), items) == pytest.approx((tp * tn - fp * fn) / math.sqrt(below), abs=TOLERANCE)


@pytest.mark.parametrize("pairs", [[("a", "a")], [("a", "b")], [("a", "a"), ("b", "a")], [("a", "a"), ("a", "b")], []])
def test_one_class_is_undefined(pairs: list[tuple[str, str]]) -> None:
    assert math.isnan(value(mcc(["a", "b"]), said(pairs)))


def test_perfect_and_reversed() -> None:
    assert value(mcc(["a", "b"]), said([("a", "a"), ("b", "b")])) == pytest.approx(1)
    assert value(mcc(["a", "b"]), said([("a", "b"), ("b", "a")])) == pytest.approx(-1)


def test_unknown_predictions_are_one_class_more() -> None:
    pairs = [("a", "a"), ("b", "b"), ("a", "x"), ("b", "a")]
    known = value(mcc(["a", "b", "x"]), said(pairs))
    assert value(mcc(["a", "b"]), said(pairs)) == pytest.approx(known, abs=TOLERANCE)


@given(st.lists(st.tuples(labels, labels), max_size=20))
def test_labels_and_predictions_can_change_sides(pairs: list[tuple[str, str]]) -> None:
    one, other = (value(mcc(list("abc")), said(side)) for side in (pairs, [(b, a) for a, b in pairs]))
    assert one == pytest.approx(other, abs=TOLERANCE, nan_ok=True)
