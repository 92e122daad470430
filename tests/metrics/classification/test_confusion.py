from __future__ import annotations

import math
from statistics import fmean

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.classification.binary_counts import BinaryCounts
from outcrop.metrics.classification.confusion import confusion_matrix, matrix_of_counts

from .doubles import CLASSES, GOLDEN, a_case, case_names, said


@pytest.mark.parametrize("name", case_names("labels"))
def test_equals_scikit_learn(name: str) -> None:
    case = a_case("labels", name)
    found = confusion_matrix(said(zip(case["right"], case["said"], strict=True)), list("abcdefgh"[: case["k"]]))
    *known, unknown = case["values"]["matrix"]
    assert [[*row, other] for row, other in zip(found.counts, found.other, strict=True)] == known
    assert not any(unknown)
    assert found.n_left_out == 0


def test_the_notes_matrix() -> None:
    matrix = matrix_of_counts(CLASSES, GOLDEN, rows="predicted")
    assert matrix.n == 300
    # Not 170/200 = 0.85 for each.
    shares = matrix.one_vs_rest_accuracies()
    assert shares == pytest.approx({"Platinum": 2 / 3, "Gold": 2 / 3, "Silver": 0.8})
    assert fmean(shares.values()) == pytest.approx(0.7111, abs=5e-5)
    assert matrix.outcomes("Silver") == BinaryCounts(tp=80, fp=40, tn=160, fn=20)


def test_printed_with_its_orientation() -> None:
    matrix = confusion_matrix(said([("a", "a"), ("a", "long"), ("long", "a"), ("a", None), (None, "a")]), ["a", "long"])
    assert str(matrix).splitlines() == [
        "right \\ predicted  a  long",
        "a                  1     1",
        "long               1     0",
        "3 items, 2 left out",
    ]


def test_unknown_predictions_have_a_column() -> None:
    matrix = confusion_matrix(said([("a", "a"), ("b", "Bronze"), ("b", "")]), ["a", "b"])
    assert matrix.other == (0, 2)
    assert str(matrix).splitlines()[0].split() == ["right", "\\", "predicted", "a", "b", "(other)"]
    assert matrix.outcomes("b") == BinaryCounts(tp=0, fp=0, tn=1, fn=2)
    assert matrix.one_vs_rest_accuracies() == pytest.approx({"a": 1, "b": 1 / 3})


@pytest.mark.parametrize("rows", [GOLDEN, [[1, 0, 0], [0, 0, 2], [3, 0, 1]]])
def test_items_make_the_same_matrix(rows: list[list[int]]) -> None:
    matrix = matrix_of_counts(CLASSES, rows, rows="right")
    assert confusion_matrix(matrix.items(), CLASSES) == matrix


def test_items_keep_unknown_predictions() -> None:
    matrix = confusion_matrix(said([("a", "a"), ("b", "Bronze")]), ["a", "b"])
    assert confusion_matrix(matrix.items(), ["a", "b"]) == matrix


def test_an_empty_matrix() -> None:
    matrix = confusion_matrix([], ["a", "b"])
    assert (matrix.n, matrix.n_left_out, matrix.counts) == (0, 0, ((0, 0), (0, 0)))
    assert all(map(math.isnan, matrix.one_vs_rest_accuracies().values()))
    assert str(matrix).endswith("0 items, 0 left out")


@pytest.mark.parametrize("counts", [[[1, 2]], [[1, 2], [3]], [[1, 2], [3, -1]], [[1, 2], [3, 0.5]]])
def test_counts_that_are_no_matrix_are_refused(counts: list[list[int]]) -> None:
    with pytest.raises(InvalidInput, match="expected 2 rows of 2 whole numbers from 0"):
        matrix_of_counts(["a", "b"], counts, rows="right")


def test_the_orientation_has_to_be_said() -> None:
    with pytest.raises(InvalidInput, match="rows: found 'columns'; expected one of right, predicted"):
        matrix_of_counts(["a", "b"], [[1, 2], [3, 4]], rows="columns")  # type: ignore[arg-type]


def test_a_positive_label_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match="positive: found 'c'; expected one of a, b"):
        confusion_matrix([], ["a", "b"]).outcomes("c")
