"""A job whose model several processes train together ends as one that a single process trains, also when killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.domain.models import Model
from tests.acceptance.commands import is_running, kill, run_json, wait_for
from tests.doubles import keep_roof, pairs

pytestmark = pytest.mark.process

VALUES: dict[str, Any] = {"epochs": 6, "batch_size": 4, "rank": 4, "validations": 1}


def customized(home: Path, train: Path, name: str, processes: int, *, killed: bool = False) -> Model:
    options = [part for key, value in VALUES.items() for part in (f"--{key.replace('_', '-')}", str(value))]
    environment = {"OUTCROP_PROCESSES": str(processes), "OUTCROP_CHECKPOINT_SECONDS": "0"}
    command = ["customize", "tiny", "--train", str(train), "--validation", str(train), "--name", name, *options]
    if not killed:
        run_json(home, *command, **environment)
    with Outcrop(home) as outcrop:
        if killed:
            job = run_json(home, *command, "--detach", **environment)["job"]
            wait_for(outcrop, job, lambda found: is_running(found) and found.checkpoint is not None)
            kill(outcrop, job)
            outcrop.jobs.wait(job)
        return outcrop.models.show(name)


def test_two_processes_make_the_model_that_one_makes(
    home: Path, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = pairs(tmp_path / "train.jsonl", 24)
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
    keep_roof(home)
    one, two = (customized(home, train, f"of-{count}", count) for count in (1, 2))
    # Whoever starts a job again does it as its own settings say.
    monkeypatch.setenv("OUTCROP_PROCESSES", "2")
    again = customized(home, train, "of-2-killed", 2, killed=True)
    assert one.lineage is not None
    assert two.lineage is not None
    assert again.lineage is not None
    for field in ("training_loss", "validation_loss"):
        wanted, found = (
            [value for point in model.lineage.curve if (value := getattr(point, field)) is not None]  # type: ignore[union-attr]
            for model in (one, two)
        )
        assert len(found) == (36 if field == "training_loss" else 7)
        assert found == pytest.approx(wanted, rel=1e-4)
    assert one.lineage.figures["tokens"] == two.lineage.figures["tokens"]
    assert again.identity == two.identity
    assert again.lineage.curve == two.lineage.curve
