from __future__ import annotations

import math

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.classification import METRICS, for_labels
from outcrop.metrics.classification.classified import Classified

from .doubles import value


@pytest.mark.parametrize("name", METRICS)
def test_metrics_carry_their_name(name: str) -> None:
    metric = METRICS[name](["a", "b"], "a")
    assert metric.name == name
    assert metric.signature.endswith("|v1")
    assert metric.prepare([]).shape == (0, len(metric.columns))


def test_signatures_differ() -> None:
    assert len({make(["a", "b"], "a").signature for make in METRICS.values()}) == len(METRICS)


def test_two_labels_with_a_positive_one() -> None:
    metrics = for_labels(["yes", "no"], "yes")
    assert [metric.name for metric in metrics] == [
        *("accuracy", "precision", "recall", "f1", "balanced_accuracy", "mcc", "kappa"),
        *("roc_auc", "average_precision", "log_loss", "brier", "calibration_error"),
    ]
    items = [Classified("yes", "yes", {"yes": 0.9}), Classified("no", "no", {"yes": 0.2})]
    assert not any(math.isnan(value(metric, items)) for metric in metrics)


def test_several_labels() -> None:
    metrics = for_labels(["a", "b", "c"])
    assert [metric.name for metric in metrics] == [
        *("accuracy", "macro_precision", "macro_recall", "macro_f1", "balanced_accuracy", "mcc", "kappa"),
        *("roc_auc_ovr", "log_loss", "multiclass_brier", "top_label_calibration_error"),
    ]
    items = [Classified(label, label, {each: 0.8 if each == label else 0.1 for each in "abc"}) for label in "abc"]
    assert not any(math.isnan(value(metric, items)) for metric in metrics)


def test_without_scores() -> None:
    assert [metric.name for metric in for_labels(["a", "b"], "a", scores=False)][-1] == "kappa"
    assert [metric.name for metric in for_labels(["a", "b"], scores=False)][-1] == "kappa"


@pytest.mark.parametrize("positive", ["c", None])
def test_a_positive_label_is_needed_and_has_to_be_one(positive: str | None) -> None:
    found = "'c'" if positive else "none"
    with pytest.raises(InvalidInput, match=f"positive: found {found}; expected one of the labels a, b"):
        METRICS["f1"](["a", "b"], positive)
