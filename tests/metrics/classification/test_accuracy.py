from __future__ import annotations

import math

import pytest

from outcrop.metrics.classification.accuracy import accuracy, balanced_accuracy
from outcrop.metrics.classification.confusion import matrix_of_counts
from outcrop.metrics.missing import missing_bounds

from .doubles import CLASSES, GOLDEN, TOLERANCE, a_case, case_names, said, value


@pytest.mark.parametrize("name", case_names("labels"))
def test_equals_scikit_learn(name: str) -> None:
    case = a_case("labels", name)
    items = said(zip(case["right"], case["said"], strict=True))
    assert value(accuracy(), items) == pytest.approx(case["values"]["accuracy"], abs=TOLERANCE)
    balanced = value(balanced_accuracy(list("abcdefgh"[: case["k"]])), items)
    assert balanced == pytest.approx(case["values"]["balanced_accuracy"], abs=TOLERANCE)


def test_the_notes_matrix() -> None:
    # 170 of 300, not 170 of 200.
    items = matrix_of_counts(CLASSES, GOLDEN, rows="predicted").items()
    assert len(items) == 300
    assert value(accuracy(), items) == pytest.approx(0.5667, abs=5e-5)


def test_the_notes_churn() -> None:
    items = matrix_of_counts(["churn", "stays"], [[8, 3], [8, 81]], rows="right").items()
    assert value(accuracy(), items) == pytest.approx(0.89, abs=TOLERANCE)


def test_case_and_space_count() -> None:
    assert value(accuracy(), said([("Yes", "yes"), ("yes", "yes "), ("", ""), ("yes", "yes")])) == 0.5


def test_missing_is_counted_and_never_wrong() -> None:
    rows = accuracy().prepare(said([("a", None), (None, "a"), ("a", "a"), ("a", "?")]))
    assert [math.isnan(row[0]) for row in rows] == [True, True, False, False]
    assert accuracy().score(rows) == 0.5
    assert missing_bounds(accuracy().per_record(rows), low=0, high=1) == (0.25, 0.75)


def test_no_records_and_nothing_but_missing_ones() -> None:
    assert accuracy().prepare([]).shape == (0, 1)
    assert math.isnan(value(accuracy(), []))
    assert math.isnan(value(accuracy(), said([(None, None)])))
    assert math.isnan(value(balanced_accuracy(["a", "b"]), []))


def test_balanced_accuracy_of_a_constant_is_chance() -> None:
    items = said([("a", "a")] * 98 + [("b", "a"), ("c", "a")])
    assert value(accuracy(), items) == 0.98
    assert value(balanced_accuracy(["a", "b", "c"]), items) == pytest.approx(1 / 3)


def test_balanced_accuracy_leaves_out_a_label_that_no_item_has() -> None:
    assert value(balanced_accuracy(["a", "b", "c"]), said([("a", "a"), ("b", "c")])) == 0.5
