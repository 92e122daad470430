from __future__ import annotations

import math

import pytest

from outcrop.metrics.classification.brier import brier, multiclass_brier
from outcrop.metrics.classification.classified import Classified

from .doubles import TOLERANCE, a_case, case_names, scored, value


@pytest.mark.parametrize("name", case_names("binary"))
def test_binary_equals_scikit_learn(name: str) -> None:
    case = a_case("binary", name)
    items = scored(zip(case["happened"], case["scores"], strict=True))
    assert value(brier("yes"), items) == pytest.approx(case["values"]["brier"], abs=TOLERANCE)
    both = value(multiclass_brier(["yes", "no"]), items)
    assert both == pytest.approx(case["values"]["multiclass_brier"], abs=TOLERANCE)


@pytest.mark.parametrize("name", case_names("classes"))
def test_several_labels_equal_scikit_learn(name: str) -> None:
    case = a_case("classes", name)
    names = "abcd"[: len(case["chances"][0])]
    items = [
        Classified(names[right], None, dict(zip(names, chances, strict=True)))
        for right, chances in zip(case["right"], case["chances"], strict=True)
    ]
    found = value(multiclass_brier(list(names)), items)
    assert found == pytest.approx(case["values"]["multiclass_brier"], abs=TOLERANCE)


def test_ends_of_the_range() -> None:
    assert value(brier("yes"), scored([(1, 1.0), (0, 0.0)])) == 0
    assert value(brier("yes"), scored([(1, 0.0), (0, 1.0)])) == 1
    assert value(brier("yes"), scored([(1, 0.5), (0, 0.5)])) == 0.25
    assert value(multiclass_brier(list("abc")), [Classified("a", None, {"a": 0, "b": 1, "c": 0})]) == 2


def test_what_is_no_probability_is_left_out() -> None:
    items = [*scored([(1, 0.5), (1, 1.2), (1, math.nan)]), Classified(None, None, {"yes": 1}), Classified("no", "no")]
    rows = brier("yes").prepare(items)
    assert [math.isnan(row[0]) for row in rows] == [False, True, True, True, True]
    assert brier("yes").score(rows) == 0.25
    left_out = [Classified("x", None, {"a": 1, "b": 0}), Classified("a", None, {"a": 0.9, "b": 0.9})]
    assert math.isnan(value(multiclass_brier(["a", "b"]), left_out))
