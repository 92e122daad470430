"""Precision, recall and F1: of one label, and averaged over labels.

Source: van Rijsbergen, "Information Retrieval", 1979, chapter 7; for the averages, Sokolova & Lapalme, "A systematic
analysis of performance measures for classification tasks", 2009.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.classification.class_counts import by_class, class_columns, count_classes, count_positive
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import check_labels, signed_labels
from outcrop.metrics.lines import LineSums, check_choice, ratio

Average = Literal["macro", "micro", "weighted"]
"""Over labels: the mean of their values; one value from their summed counts; the mean by how often each is right."""

Absent = Literal["zero", "skip", "undefined"]
"""What a value of 0/0 is: 0 (scikit-learn's ``zero_division=0``), left out of the mean, or NaN for the whole mean."""

_Array = NDArray[np.float64]
_Share = Callable[[_Array, _Array, _Array], _Array]


def precision(positive: str, *, absent: Absent = "zero") -> LineSums[Classified]:
    """Of the items predicted to be ``positive``, the share that is.

    Args:
        positive: The label that counts; all others are one.
        absent: The value where nothing was predicted to be positive: 0, or NaN for ``skip`` and ``undefined``.

    Returns:
        A metric named ``precision``, in 0..1.
    """
    return _binary("precision", _precision, positive, absent)


def recall(positive: str, *, absent: Absent = "zero") -> LineSums[Classified]:
    """Of the items that are ``positive``, the share predicted to be.

    Args:
        positive: The label that counts; all others are one.
        absent: The value where nothing is positive: 0, or NaN for ``skip`` and ``undefined``.

    Returns:
        A metric named ``recall``, in 0..1.
    """
    return _binary("recall", _recall, positive, absent)


def f1(positive: str, *, absent: Absent = "zero") -> LineSums[Classified]:
    """The harmonic mean of precision and recall of ``positive``: ``2 hits / (predicted + actual)``.

    Args:
        positive: The label that counts; all others are one.
        absent: The value where nothing is and nothing was predicted to be positive: 0, or NaN for ``skip`` and
            ``undefined``.

    Returns:
        A metric named ``f1``, in 0..1.
    """
    return _binary("f1", _f1, positive, absent)


def averaged_precision(
    labels: Sequence[str], average: Average = "macro", *, absent: Absent = "zero"
) -> LineSums[Classified]:
    """Precision over all labels.

    Args:
        labels: All labels.
        average: How the labels' values become one.
        absent: What a label does that was never predicted.

    Returns:
        A metric named ``<average>_precision``, in 0..1.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    return _averaged("precision", _precision, labels, average, absent)


def averaged_recall(
    labels: Sequence[str], average: Average = "macro", *, absent: Absent = "zero"
) -> LineSums[Classified]:
    """Recall over all labels.

    Args:
        labels: All labels.
        average: How the labels' values become one.
        absent: What a label does that no item has.

    Returns:
        A metric named ``<average>_recall``, in 0..1; the weighted one equals accuracy.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    return _averaged("recall", _recall, labels, average, absent)


def averaged_f1(labels: Sequence[str], average: Average = "macro", *, absent: Absent = "zero") -> LineSums[Classified]:
    """F1 over all labels; the macro one is the mean of the labels' F1.

    Args:
        labels: All labels.
        average: How the labels' values become one.
        absent: What a label does that no item has and that was never predicted.

    Returns:
        A metric named ``<average>_f1``, in 0..1.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    return _averaged("f1", _f1, labels, average, absent)


def f1_of_means(labels: Sequence[str], *, absent: Absent = "zero") -> LineSums[Classified]:
    """The harmonic mean of macro precision and macro recall: the other value that is called macro F1.

    It is never below the mean of the F1 and can be far above it, where precision and recall of a label are far apart.
    Source: Opitz & Burst, "Macro F1 and Macro F1", 2019.

    Args:
        labels: All labels.
        absent: What a label does that was never predicted, or that no item has.

    Returns:
        A metric named ``f1_of_means``, in 0..1; 0 where both means are 0.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    known = check_labels(labels)
    check_choice("absent", absent, get_args(Absent))
    signature = f"f1_of_means|absent:{absent}|labels:{signed_labels(sorted(known))}|v1"
    value = partial(_harmonic, absent)
    return LineSums("f1_of_means", signature, class_columns(known), count_classes(known), value)


def _binary(name: str, share: _Share, positive: str, absent: Absent) -> LineSums[Classified]:
    check_choice("absent", absent, get_args(Absent))
    signature = f"{name}|pos:{signed_labels([positive])}|absent:{absent}|v1"
    value = partial(_average, share, "macro", absent)
    return LineSums(name, signature, ("hits", "predicted", "actual"), count_positive(positive), value)


def _averaged(
    name: str, share: _Share, labels: Sequence[str], average: Average, absent: Absent
) -> LineSums[Classified]:
    known = check_labels(labels)
    check_choice("average", average, get_args(Average))
    check_choice("absent", absent, get_args(Absent))
    signature = f"{name}|avg:{average}|absent:{absent}|labels:{signed_labels(sorted(known))}|v1"
    value = partial(_average, share, average, absent)
    return LineSums(f"{average}_{name}", signature, class_columns(known), count_classes(known), value)


def _average(share: _Share, average: Average, absent: Absent, sums: _Array) -> _Array:
    hits, predicted, actual = by_class(sums)
    if average == "micro":
        hits, predicted, actual = (counts.sum(axis=1, keepdims=True) for counts in (hits, predicted, actual))
    values = share(hits, predicted, actual)
    weights = actual if average == "weighted" else np.ones_like(values)
    if absent == "skip":
        weights = weights * ~np.isnan(values)
    if absent != "undefined":
        values = np.nan_to_num(values)
    return ratio((weights * values).sum(axis=1), weights.sum(axis=1))


def _harmonic(absent: Absent, sums: _Array) -> _Array:
    precisions = _average(_precision, "macro", absent, sums)
    recalls = _average(_recall, "macro", absent, sums)
    total = precisions + recalls
    return np.where(total == 0, 0.0, ratio(2 * precisions * recalls, total))


def _precision(hits: _Array, predicted: _Array, actual: _Array) -> _Array:
    return ratio(hits, predicted)


def _recall(hits: _Array, predicted: _Array, actual: _Array) -> _Array:
    return ratio(hits, actual)


def _f1(hits: _Array, predicted: _Array, actual: _Array) -> _Array:
    return ratio(2 * hits, predicted + actual)
