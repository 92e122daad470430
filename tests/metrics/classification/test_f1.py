from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.classification.accuracy import accuracy
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.confusion import matrix_of_counts
from outcrop.metrics.classification.f1 import (
    Absent,
    Average,
    averaged_f1,
    averaged_precision,
    averaged_recall,
    f1,
    f1_of_means,
    precision,
    recall,
)
from outcrop.metrics.protocol import Metric

from .doubles import CLASSES, GOLDEN, TOLERANCE, a_case, case_names, labels, said, value

BINARY = {"precision": precision, "recall": recall, "f1": f1}
AVERAGED = {"precision": averaged_precision, "recall": averaged_recall, "f1": averaged_f1}


@pytest.mark.parametrize("absent", ["zero", "skip"])
@pytest.mark.parametrize("metric", AVERAGED)
@pytest.mark.parametrize("name", case_names("labels"))
def test_equals_scikit_learn(name: str, metric: str, absent: Absent) -> None:
    case = a_case("labels", name)
    items = said(zip(case["right"], case["said"], strict=True))
    known = list("abcdefgh"[: case["k"]])
    averages: tuple[Average, ...] = ("macro", "micro", "weighted")
    for average in averages:
        expected = case["values"][f"{average}_{metric} {absent}"]
        if (len(items), average, metric, absent) == (1, "weighted", "precision", "skip"):
            # The only label with a weight has no precision; scikit-learn drops the weights then, here it is undefined.
            expected = None
        found = value(AVERAGED[metric](known, average, absent=absent), items)
        assert found == pytest.approx(math.nan if expected is None else expected, abs=TOLERANCE, nan_ok=True), average
    for label, expected in zip(known, case["values"][f"{metric} {absent}"], strict=True):
        found = value(BINARY[metric](label, absent=absent), items)
        assert found == pytest.approx(math.nan if expected is None else expected, abs=TOLERANCE, nan_ok=True), label


def golden(orientation: Any = "predicted") -> list[Classified]:
    return matrix_of_counts(CLASSES, GOLDEN, rows=orientation).items()


def test_the_notes_matrix() -> None:
    # The notes have 160/270 for Silver and 0.51 for the mean.
    assert [value(precision(label), golden()) for label in CLASSES] == pytest.approx([0.5, 0.5, 2 / 3])
    assert [value(recall(label), golden()) for label in CLASSES] == pytest.approx([0.3, 0.6, 0.8])
    assert [value(f1(label), golden()) for label in CLASSES] == pytest.approx([0.375, 120 / 220, 160 / 220])
    assert value(averaged_precision(CLASSES), golden()) == pytest.approx(0.5556, abs=5e-5)
    assert value(averaged_recall(CLASSES), golden()) == pytest.approx(0.5667, abs=5e-5)
    assert value(averaged_f1(CLASSES), golden()) == pytest.approx(0.5492, abs=5e-5)


def test_the_other_definition_of_macro_f1_is_another_metric() -> None:
    assert value(f1_of_means(CLASSES), golden()) == pytest.approx(0.5611, abs=5e-5)
    assert f1_of_means(CLASSES).signature != averaged_f1(CLASSES).signature
    assert value(f1_of_means(["a", "b"]), said([("a", "b"), ("b", "a")])) == 0


def test_the_other_orientation_swaps_macro_precision_and_recall() -> None:
    assert value(averaged_precision(CLASSES), golden("right")) == value(averaged_recall(CLASSES), golden())
    assert value(averaged_recall(CLASSES), golden("right")) == value(averaged_precision(CLASSES), golden())


@pytest.mark.parametrize(
    ("absent", "expected"),
    # Precision of a 1/2, of b and c 0/0; recall 1/2, 0, 0/0; F1 1/2, 0, 0/0.
    [("zero", (1 / 6, 1 / 6, 1 / 6)), ("skip", (1 / 2, 1 / 4, 1 / 4)), ("undefined", (math.nan,) * 3)],
)
def test_an_absent_class(absent: Absent, expected: tuple[float, float, float]) -> None:
    items = said([("a", "a"), ("a", "?"), ("b", "a")])
    found = [value(make(list("abc"), absent=absent), items) for make in AVERAGED.values()]
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("absent", "expected"), [("zero", 0), ("skip", math.nan), ("undefined", math.nan)])
@pytest.mark.parametrize("metric", BINARY)
def test_nothing_positive_anywhere(metric: str, absent: Absent, expected: float) -> None:
    found = value(BINARY[metric]("yes", absent=absent), said([("no", "no")]))
    assert found == pytest.approx(expected, nan_ok=True)


def test_an_unknown_prediction_is_wrong_and_no_ones_false_alarm() -> None:
    items = said([("a", "a"), ("a", "Bronze"), ("b", "b"), ("b", "b")])
    assert value(averaged_precision(["a", "b"]), items) == 1
    assert value(averaged_recall(["a", "b"]), items) == 0.75
    assert value(averaged_precision(["a", "b"], "micro"), items) == 1
    assert value(averaged_recall(["a", "b"], "micro"), items) == 0.75


def test_what_cannot_be_scored_is_counted() -> None:
    rows = averaged_f1(["a", "b"]).prepare(said([("a", None), (None, "a"), ("Bronze", "a"), ("a", "a"), ("b", "b")]))
    assert np.isnan(rows).all(axis=1).tolist() == [True, True, True, False, False]
    assert averaged_f1(["a", "b"]).score(rows) == 1
    # Of one label against all others, every right label is known.
    assert value(precision("a"), said([("Bronze", "a"), ("a", "a"), (None, "a"), ("a", None)])) == 0.5


def test_no_records() -> None:
    for metric in (f1("a"), averaged_f1(["a", "b"]), f1_of_means(["a", "b"])):
        assert metric.prepare([]).shape == (0, len(metric.columns))
        assert math.isnan(value(metric, []))


@pytest.mark.parametrize("make", [lambda: averaged_f1("ab"), lambda: averaged_f1(["a"]), lambda: averaged_f1([])])
def test_fewer_than_two_labels_are_refused(make: Callable[[], Metric[Classified]]) -> None:
    with pytest.raises(InvalidInput, match=r"labels: found .*; expected two labels or more"):
        make()


def test_a_label_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="labels: found 'a' 2 times; expected each label once"):
        averaged_f1(["a", "b", "a"])


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(InvalidInput, match="absent: found 'nan'; expected one of zero, skip, undefined"):
        f1("a", absent="nan")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="average: found 'Macro'; expected one of macro, micro, weighted"):
        averaged_f1(["a", "b"], "Macro")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="absent: found 'nan'"):
        f1_of_means(["a", "b"], absent="nan")  # type: ignore[arg-type]


def test_signature_names_the_choices() -> None:
    assert f1("a|b").signature == "f1|pos:a%7Cb|absent:zero|v1"
    assert averaged_f1(["b", "a"]).signature == "f1|avg:macro|absent:zero|labels:a,b|v1"
    many = averaged_recall(list("abcdef"), "weighted", absent="skip").signature
    assert many.startswith("recall|avg:weighted|absent:skip|labels:6#")
    assert many == averaged_recall(list("fedcba"), "weighted", absent="skip").signature
    assert many != averaged_recall(list("abcdeg"), "weighted", absent="skip").signature


@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=20))
def test_of_known_labels_micro_is_accuracy_and_weighted_recall_too(pairs: list[tuple[str, str]]) -> None:
    items, known = said(pairs), list("abc")
    right = pytest.approx(value(accuracy(), items))
    assert value(averaged_precision(known, "micro"), items) == right
    assert value(averaged_recall(known, "micro"), items) == right
    assert value(averaged_f1(known, "micro"), items) == right
    assert value(averaged_recall(known, "weighted"), items) == right


@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=20))
def test_f1_of_means_is_never_below_the_mean_of_f1(pairs: list[tuple[str, str]]) -> None:
    assert value(f1_of_means(list("abc")), said(pairs)) >= value(averaged_f1(list("abc")), said(pairs)) - 1e-12
