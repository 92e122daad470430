"""The diagnosis on recorded runs that had no part in making its rule; ``bench/diagnosis.py`` made them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from outcrop.domain.models import CurvePoint
from outcrop.trainers.diagnosis import diagnose

RECORD = Path(__file__).parents[2] / "bench" / "results" / "diagnosis.json"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "diagnosis.md"
RUNS: list[dict[str, Any]] = json.loads(RECORD.read_text(encoding="utf-8"))["runs"]
JUDGED = [run for run in RUNS if run["truths"] and not run["easier"]]


def curve(run: dict[str, Any]) -> list[CurvePoint]:
    each = run["steps_per_epoch"]
    points = [CurvePoint(at + 1, at // each, training_loss=loss) for at, loss in enumerate(run["training"])]
    points += [CurvePoint(step, max(step - 1, 0) // each, validation_loss=loss) for step, loss in run["validation"]]
    return sorted(points, key=lambda point: (point.step, point.validation_loss is not None))


def verdict(run: dict[str, Any]) -> str:
    return diagnose(curve(run), run["hyperparameters"]).verdict.value


def test_as_many_are_right_as_the_page_says() -> None:
    right = sum(verdict(run) in run["truths"] for run in JUDGED)
    stated = re.search(r"\*\*(\d+) of (\d+) runs right", PAGE.read_text(encoding="utf-8"))
    assert stated is not None
    assert (int(stated[1]), int(stated[2])) == (right, len(JUDGED))
    assert len(JUDGED) >= 20


def test_every_verdict_is_among_the_true_ones() -> None:
    assert {truth for run in JUDGED for truth in run["truths"]} == {
        "good fit",
        "underfitting",
        "overfitting",
        "learning rate too high",
        "learning rate too low",
        "not converged",
    }


@pytest.mark.parametrize("kept", [(0, 4, -1), (0, -1), ()])
def test_few_validations_make_it_silent_rather_than_wrong(kept: tuple[int, ...]) -> None:
    said = []
    for run in JUDGED:
        fewer = {**run, "validation": [run["validation"][at] for at in kept]}
        said.append((verdict(fewer), run["truths"]))
    spoken = [(one, truths) for one, truths in said if one != "too little to tell"]
    assert len(spoken) < len(said) / 2
    assert sum(one in truths for one, truths in spoken) >= 0.9 * len(spoken)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_good_run_raises_no_alarm_while_it_goes_on(share: float) -> None:
    good = [run for run in JUDGED if run["truths"] == ["good fit"]]
    said = []
    for run in good:
        steps = len(run["training"])
        seen = [point for point in curve(run) if point.step <= share * steps]
        said.append(diagnose(seen, run["hyperparameters"], steps=steps, ended=False).verdict.value)
    assert said == ["too little to tell"] * len(good)
