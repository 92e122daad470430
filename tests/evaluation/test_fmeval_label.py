"""Labels read as fmeval reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop.evaluation.fmeval_label import fmeval_label
from outcrop.metrics.classification.accuracy import accuracy
from outcrop.metrics.classification.classified import Classified

FMEVAL: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "robustness" / "fmeval.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", FMEVAL["labelled"], ids=lambda case: repr(case["response"]))
def test_labels_are_fmevals(case: dict[str, str]) -> None:
    assert fmeval_label(case["response"], FMEVAL["labels"]) == case["label"]


def test_its_two_quirks() -> None:
    assert fmeval_label("The answer is 2.", ["1", "2"]) == "unknown"
    assert fmeval_label("The answer is 2", ["1", "2"]) == "2"
    found = fmeval_label("Positive", ["Positive", "Negative"])
    assert found == "positive"
    metric = accuracy()
    assert metric.score(metric.prepare([Classified("Positive", found)])) == 0
