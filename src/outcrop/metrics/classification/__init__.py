"""Metrics of classification tables, found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.classification.accuracy import accuracy, balanced_accuracy
from outcrop.metrics.classification.auc import roc_auc, roc_auc_ovr
from outcrop.metrics.classification.average_precision import average_precision
from outcrop.metrics.classification.brier import brier, multiclass_brier
from outcrop.metrics.classification.calibration import calibration_error, top_label_calibration_error
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.f1 import (
    averaged_f1,
    averaged_precision,
    averaged_recall,
    f1,
    f1_of_means,
    precision,
    recall,
)
from outcrop.metrics.classification.kappa import cohen_kappa
from outcrop.metrics.classification.labels import check_labels
from outcrop.metrics.classification.log_loss import log_loss
from outcrop.metrics.classification.mcc import mcc
from outcrop.metrics.protocol import Metric

Factory = Callable[[Sequence[str], str | None], Metric[Classified]]
"""Makes a metric from all labels, and the positive one of them, or None."""


def _plain(make: Callable[[], Metric[Classified]]) -> Factory:
    return lambda labels, positive: make()


def _of_labels(make: Callable[[Sequence[str]], Metric[Classified]]) -> Factory:
    return lambda labels, positive: make(labels)


def _of_positive(make: Callable[[str], Metric[Classified]]) -> Factory:
    return lambda labels, positive: make(_positive(labels, positive))


METRICS: Mapping[str, Factory] = {
    "accuracy": _plain(accuracy),
    "balanced_accuracy": _of_labels(balanced_accuracy),
    "precision": _of_positive(precision),
    "recall": _of_positive(recall),
    "f1": _of_positive(f1),
    "macro_precision": _of_labels(averaged_precision),
    "macro_recall": _of_labels(averaged_recall),
    "macro_f1": _of_labels(averaged_f1),
    "micro_precision": _of_labels(partial(averaged_precision, average="micro")),
    "micro_recall": _of_labels(partial(averaged_recall, average="micro")),
    "micro_f1": _of_labels(partial(averaged_f1, average="micro")),
    "weighted_precision": _of_labels(partial(averaged_precision, average="weighted")),
    "weighted_recall": _of_labels(partial(averaged_recall, average="weighted")),
    "weighted_f1": _of_labels(partial(averaged_f1, average="weighted")),
    "f1_of_means": _of_labels(f1_of_means),
    "mcc": _of_labels(mcc),
    "kappa": _of_labels(cohen_kappa),
    "linear_kappa": _of_labels(partial(cohen_kappa, weights="linear")),
    "quadratic_kappa": _of_labels(partial(cohen_kappa, weights="quadratic")),
    "roc_auc": _of_positive(roc_auc),
    "roc_auc_ovr": _of_labels(roc_auc_ovr),
    "average_precision": _of_positive(average_precision),
    "log_loss": _of_labels(log_loss),
    "brier": _of_positive(brier),
    "multiclass_brier": _of_labels(multiclass_brier),
    "calibration_error": _of_positive(calibration_error),
    "top_label_calibration_error": _plain(top_label_calibration_error),
}
"""By name, what makes the metric as it is by default."""

_BINARY = ("accuracy", "precision", "recall", "f1", "balanced_accuracy", "mcc", "kappa")
_MANY = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "balanced_accuracy", "mcc", "kappa")
_BINARY_SCORES = ("roc_auc", "average_precision", "log_loss", "brier", "calibration_error")
_MANY_SCORES = ("roc_auc_ovr", "log_loss", "multiclass_brier", "top_label_calibration_error")


def for_labels(labels: Sequence[str], positive: str | None = None, *, scores: bool = True) -> list[Metric[Classified]]:
    """The metrics that a table of these labels is scored by.

    Args:
        labels: All labels: those that are right somewhere, and others that a model could have said.
        positive: The label that alerts are for. Without one, every label counts alike.
        scores: Whether the table has scores. Metrics of probabilities have no value where they are none.

    Returns:
        The metrics, the one that a verdict would rest on first. With a positive label and three labels or more, the
        log loss needs probabilities of all of them.

    Raises:
        InvalidInput: There are fewer than two labels, one is there twice, or ``positive`` is none of them.
    """
    known = check_labels(labels)
    of_predictions, of_scores = (_MANY, _MANY_SCORES) if positive is None else (_BINARY, _BINARY_SCORES)
    names = of_predictions + of_scores if scores else of_predictions
    return [METRICS[name](known, positive) for name in names]


def _positive(labels: Sequence[str], positive: str | None) -> str:
    if positive is None or positive not in labels:
        found = "none" if positive is None else repr(positive)
        raise InvalidInput([Fault("positive", None, "", found, f"one of the labels {', '.join(labels)}")])
    return positive
