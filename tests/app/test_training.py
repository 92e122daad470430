"""One training run, by the name of its job or of its model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.domain.codec import to_json
from outcrop.domain.errors import NotFound, NotSupported
from outcrop.domain.jobs import Job, JobKind, Progress, Status
from outcrop.domain.models import CurvePoint, Customization, Identity, Lineage, ModelKind
from outcrop.testing.catalogs import a_job, a_model
from outcrop.trainers.remedies import Fit
from tests.doubles import add_scripted

CURVE = tuple(CurvePoint(step, 0, training_loss=3.0 - step / 10) for step in range(1, 11))
REQUEST: dict[str, Any] = {
    "model": "tuned",
    "base": "base",
    "method": "lora",
    "train": {"path": "train.jsonl", "hash": "0123456789abcdef"},
    "hyperparameters": {"learning_rate": 1e-3, "epochs": 1},
}


def submit(outcrop: Outcrop, name: str = "training", **changes: object) -> Job:
    job = a_job(name, kind=JobKind.CUSTOMIZATION, request=REQUEST)
    outcrop.services.catalog.add_job(replace(job, **changes))  # type: ignore[arg-type]
    return job


def kept(curve: tuple[CurvePoint, ...] = CURVE) -> list[dict[str, Any]]:
    return [to_json(point) for point in curve]


def test_a_finished_job(idle: Outcrop) -> None:
    submit(idle, status=Status.DONE, result={"curve": kept(), "figures": {"tokens_per_second": 5.0}})
    run = idle.curve("training")
    assert (run.name, run.base, run.method, run.status) == ("tuned", "base", "lora", "done")
    assert (run.done, run.steps) == (10, 10)
    assert run.curve == CURVE
    assert run.figures == {"tokens_per_second": 5.0}
    assert run.data == "train.jsonl (sha256 0123456789ab)"


def test_a_running_job_has_the_curve_of_its_last_checkpoint(idle: Outcrop) -> None:
    progress = Progress("training", 20, 100)
    submit(idle, status=Status.RUNNING, progress=progress, checkpoint={"step": 10, "keys": [], "curve": kept()})
    run = idle.curve("training")
    assert (run.done, run.steps, run.status) == (10, 100, "running")
    assert run.curve == CURVE


#: 80 steps in a straight line, and as many validations as the rule wants: at step 80 of 100 too slow, at step 80 of 800
#: nothing can be said yet.
SLOW = tuple(
    CurvePoint(step, 0, training_loss=3.0 - step / 1000, validation_loss=3.0 - step / 1000) for step in range(81)
)


@pytest.mark.parametrize(
    ("status", "total", "verdict"),
    [
        (Status.RUNNING, 100, Fit.RATE_TOO_LOW),
        (Status.RUNNING, 800, Fit.UNKNOWN),
        (Status.RUNNING, 0, Fit.UNKNOWN),
        (Status.STOPPED, 800, Fit.UNKNOWN),
    ],
)
def test_a_job_that_goes_on_is_judged_by_the_steps_planned(
    idle: Outcrop, status: Status, total: int, verdict: Fit
) -> None:
    checkpoint = {"step": 80, "keys": [], "curve": kept(SLOW)}
    submit(idle, status=status, progress=Progress("training", 80, total), checkpoint=checkpoint)
    run = idle.curve("training")
    assert run.diagnosis.verdict is verdict
    assert run.steps == max(total, 80)


def test_a_job_that_stopped_early_is_over(idle: Outcrop) -> None:
    submit(idle, status=Status.DONE, result={"curve": kept(SLOW), "steps": 800})
    run = idle.curve("training")
    assert run.diagnosis.verdict is Fit.RATE_TOO_LOW
    assert (run.done, run.steps) == (80, 800)


@pytest.mark.parametrize("checkpoint", [None, {"step": 10, "keys": []}])
def test_a_job_that_has_kept_none_yet(idle: Outcrop, checkpoint: dict[str, Any] | None) -> None:
    submit(idle, status=Status.RUNNING, progress=Progress("loading the model"), checkpoint=checkpoint)
    run = idle.curve("training")
    assert run.curve == ()
    assert run.diagnosis.verdict is Fit.UNKNOWN


def test_a_custom_model(idle: Outcrop) -> None:
    lineage = Lineage(
        job="j1",
        base="base",
        base_identity=Identity("w", "t", ""),
        method=Customization.FULL,
        data_uri="s3://bucket/train.jsonl",
        data_hash="fedcba9876543210",
        hyperparameters={"learning_rate": 1e-4},
        seed=0,
        versions={"torch": "2"},
        curve=CURVE,
    )
    idle.services.catalog.add_model(a_model("tuned", kind=ModelKind.FULL, lineage=lineage))
    run = idle.curve("tuned")
    assert (run.job, run.base, run.method, run.status, run.steps) == ("j1", "base", "full", "done", 10)
    assert run.versions == {"torch": "2"}


def test_what_has_no_curve(idle: Outcrop, tmp_path: Path) -> None:
    add_scripted(idle, tmp_path, "base")
    idle.services.catalog.add_job(a_job("judged", request={"models": ["base"]}))
    with pytest.raises(NotSupported, match="base was not trained here"):
        idle.curve("base")
    with pytest.raises(NotSupported, match="judged is an evaluation job"):
        idle.curve("judged")
    with pytest.raises(NotFound, match="no job and no model named 'nobody'"):
        idle.curve("nobody")
