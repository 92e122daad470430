"""The whole way with the real model, from the command line: check, customise, evaluate, kill, resume, report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.domain.codec import to_json
from outcrop.domain.jobs import Job
from tests.acceptance.commands import is_running, kill, run, run_json, wait_for
from tests.conftest import EXAMPLE, REAL_MODEL

pytestmark = [pytest.mark.real, pytest.mark.process]

#: A checkpoint after every step: what a kill costs is then one step.
OFTEN = {"OUTCROP_CHECKPOINT_SECONDS": "0"}


def head(source: Path, target: Path, count: int) -> Path:
    """The first records of a file."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)[:count]
    target.write_text("".join(lines), encoding="utf-8")
    return target


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return head(EXAMPLE / "train.jsonl", tmp_path / "train.jsonl", 16)


@pytest.fixture
def test_data(tmp_path: Path) -> Path:
    return head(EXAMPLE / "test.jsonl", tmp_path / "test.jsonl", 6)


def customize(home: Path, train: str, *options: str) -> dict[str, Any]:
    command = ["customize", REAL_MODEL, "--train", train, "--name", "synopsis", "--batch-size", "4", *options]
    return run_json(home, *command, **OFTEN)


def evaluate(home: Path, data: str, *options: str) -> dict[str, Any]:
    command = ["evaluate", REAL_MODEL, "synopsis", "--data", data, "--task", "summarization"]
    return run_json(home, *command, "--max-tokens", "24", "--name", "judged", *options)


def at_step(step: int) -> Callable[[Job], bool]:
    return lambda job: is_running(job) and job.checkpoint is not None and job.checkpoint["step"] >= step


def generating(model: str) -> Callable[[Job], bool]:
    return lambda job: is_running(job) and job.progress.phase == f"generating with {model}"


@pytest.mark.server
def test_killed_and_resumed_is_undisturbed(
    real_homes: Callable[[str], Path],
    real_model_folder: Path,
    train: Path,
    test_data: Path,
    bucket: str,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Undisturbed with SQLite and a folder, killed with PostgreSQL and S3: the same adapter, the same scores."""
    calm, shaken = real_homes("calm"), tmp_path / "shaken"
    wanted = customize(calm, str(train))
    wanted_report = evaluate(calm, str(test_data))

    monkeypatch.setenv("OUTCROP_CATALOG_URL", database)
    monkeypatch.setenv("OUTCROP_STORE", f"s3://{bucket}/outcrop")
    monkeypatch.setenv("OUTCROP_CHECKPOINT_SECONDS", "0")
    run_json(shaken, "models", "add", str(real_model_folder), "--name", REAL_MODEL)
    there = [run_json(shaken, "data", "put", str(file), f"s3://{bucket}/data/")["put"] for file in (train, test_data)]
    customize(shaken, there[0], "--detach")
    with Outcrop(shaken) as outcrop:
        job = outcrop.jobs.list()[0]
        for step in (1, 3):
            wait_for(outcrop, job.id, at_step(step))
            kill(outcrop, job.id)
        assert len(outcrop.jobs.wait(job.id).restarts) == 2
        model = outcrop.models.show("synopsis")
        assert to_json(model.identity) == wanted["model"]["identity"]
        assert [vars(point) for point in model.lineage.curve] == wanted["model"]["lineage"]["curve"]  # type: ignore[union-attr]

        evaluate(shaken, there[1], "--detach")
        wait_for(outcrop, "judged", generating(REAL_MODEL))
        kill(outcrop, "judged")
        wait_for(outcrop, "judged", generating("synopsis"))
        kill(outcrop, "judged")
        # Nothing of it lies in the home but what can be made again.
        assert {entry.name for entry in shaken.iterdir()} == {"cache", "scratch", "workers"}
        assert outcrop.services.store.address("x") == f"s3://{bucket}/outcrop/x"
    report = run_json(shaken, "jobs", "report", "judged")
    assert report["scores"] == wanted_report["scores"]
    assert report["comparisons"] == wanted_report["comparisons"]


def test_the_adapter_file_is_the_same_bytes(real_homes: Callable[[str], Path], train: Path, tmp_path: Path) -> None:
    """Same data, seed and machine: the exported adapter is the same file, and PEFT reads it."""
    from outcrop.stores.manifest import file_hash

    hashes = set()
    for name in ("one", "two"):
        home = real_homes(name)
        customize(home, str(head(train, tmp_path / f"{name}.jsonl", 8)), "--max-length", "128", "--seed", "3")
        run_json(home, "models", "export", "synopsis", str(tmp_path / f"export-{name}"))
        hashes.add(file_hash(tmp_path / f"export-{name}" / "adapter_model.safetensors"))
    assert len(hashes) == 1


def test_full_fine_tuning_makes_a_whole_model(real_homes: Callable[[str], Path], train: Path, tmp_path: Path) -> None:
    home = real_homes("full")
    made = customize(home, str(train), "--method", "full")["model"]
    assert (made["kind"], made["base"], made["parameters"]) == ("full", None, 134_515_008)
    curve = [point["training_loss"] for point in made["lineage"]["curve"]]
    assert curve[-1] < curve[0]
    answer = run_json(home, "ask", "synopsis", "Name a rock.", "--max-tokens", "5")
    assert answer["answers"]["synopsis"]


def test_asking_two_models(real_homes: Callable[[str], Path]) -> None:
    home = real_homes("ask")
    spoken = run(home, "ask", REAL_MODEL, "What is the capital of France?", "--max-tokens", "12")
    assert spoken.returncode == 0
    assert "Paris" in spoken.stdout
    both = run(home, "ask", REAL_MODEL, "--against", REAL_MODEL, "--max-tokens", "4", stdin="Say hello.")
    one, two = both.stdout.split(f"{REAL_MODEL}:")[1:]
    assert one.strip() == two.strip() != ""


def test_the_example_teaches_something(real_homes: Callable[[str], Path], tmp_path: Path) -> None:
    """Fewer records than the quickstart: 32 to learn from; the loss on held-out ones must fall clearly."""
    home = real_homes("taught")
    train = head(EXAMPLE / "train.jsonl", tmp_path / "32.jsonl", 32)
    held_out = head(EXAMPLE / "validation.jsonl", tmp_path / "held-out.jsonl", 8)
    made = run_json(
        home, "customize", REAL_MODEL, "--train", str(train), "--validation", str(held_out), "--name", "synopsis"
    )["model"]
    losses = [point["validation_loss"] for point in made["lineage"]["curve"] if point["validation_loss"] is not None]
    assert len(losses) == 2
    assert losses[1] < losses[0] - 0.3
    check = run_json(home, "data", "check", str(train), "--model", REAL_MODEL)
    assert check["tokens"]["n_ends_turn"] == check["n_records"] == 32
    assert json.loads(json.dumps(check))["n_faults"] == 0
