"""A job that is killed at any moment, and continued, ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.domain.jobs import Job, Status
from outcrop.domain.scores import Report
from outcrop.engines.scripted import read_calls
from tests.acceptance.commands import is_running, kill, wait_for
from tests.adapters import add_adapters
from tests.doubles import keep_roof

pytestmark = pytest.mark.process


def write_lines(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    pairs = [{"prompt": f"Say {number}", "completion": f"It is {number}."} for number in range(40)]
    return write_lines(tmp_path / "train.jsonl", pairs)


def questions(path: Path, count: int) -> Path:
    records = [
        {"prompt": f"Question {number} about rock", "referenceResponse": f"rock {number}", "category": str(number % 3)}
        for number in range(count)
    ]
    return write_lines(path, records)


def customize(outcrop: Outcrop, train: Path, name: str) -> Job:
    job = outcrop.customize("tiny", train=train, name=name, wait=False, epochs=40, batch_size=2, rank=4, dropout=0.1)
    assert isinstance(job, Job)
    return job


def has_checkpoint(step: int) -> Callable[[Job], bool]:
    return lambda job: is_running(job) and job.checkpoint is not None and job.checkpoint["step"] >= step


@pytest.fixture
def training(home: Path, tiny_folder: Path, train: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outcrop]:
    """A home whose jobs keep checkpoints often, with the tiny model and what training undisturbed makes of it."""
    monkeypatch.setenv("OUTCROP_CHECKPOINT_SECONDS", "0.2")
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
        outcrop.customize("tiny", train=train, name="undisturbed", epochs=40, batch_size=2, rank=4, dropout=0.1)
        yield outcrop


def test_training(training: Outcrop, train: Path) -> None:
    job = customize(training, train, "killed")
    for step in (1, 250, 500):
        wait_for(training, job.id, has_checkpoint(step))
        kill(training, job.id)
    done = training.jobs.wait(job.id)
    assert len(done.restarts) == 3
    first, second = training.models.show("undisturbed"), training.models.show("killed")
    assert first.identity == second.identity
    assert first.lineage is not None
    assert second.lineage is not None
    assert first.lineage.curve == second.lineage.curve
    assert not training.services.store.exists(f"jobs/{job.id}/checkpoints")


def scripted(outcrop: Outcrop, tmp_path: Path, name: str, **script: Any) -> Path:
    """Add a scripted model; the file that counts its calls."""
    folder = tmp_path / f"script-{name}"
    folder.mkdir()
    (folder / "scripted.json").write_text(json.dumps({"calls": str(tmp_path / f"{name}.calls"), **script}))
    outcrop.models.add_scripted(name, folder)
    return tmp_path / f"{name}.calls"


def evaluate(outcrop: Outcrop, models: list[str], data: Path) -> Job:
    job = outcrop.evaluate(models, data=data, task="summarization", wait=False)
    assert isinstance(job, Job)
    return job


def report(outcrop: Outcrop, job: Job) -> Report:
    from outcrop.app.evaluation import report_of

    found = report_of(outcrop.jobs.wait(job.id))
    # What may differ between two runs: their names, and how long they took.
    models = tuple(replace(model, efficiency={}) for model in found.models)
    return replace(found, job="", name="", created=0.0, models=models)


def test_generating(outcrop: Outcrop, tmp_path: Path) -> None:
    data = questions(tmp_path / "data.jsonl", 80)
    calls = scripted(outcrop, tmp_path, "slow", delay=0.06, echo_words=4)
    scripted(outcrop, tmp_path, "fast", echo_words=3)
    wanted = report(outcrop, evaluate(outcrop, ["slow", "fast"], data))
    calls.unlink()
    job = evaluate(outcrop, ["slow", "fast"], data)
    wait_for(outcrop, job.id, lambda job: job.progress.done >= 16)
    kill(outcrop, job.id)
    stored = _stored(outcrop, job)
    assert report(outcrop, job) == wanted
    made = read_calls(calls)
    assert set(made) == set(range(80))
    # Only the batch that was in flight ran again; nothing that was stored did.
    assert all(made.count(number) == 1 for number in stored)
    assert len(made) <= 80 + 8


def test_a_batch_job(outcrop: Outcrop, tmp_path: Path) -> None:
    """Killed twice, in two of its files and in the middle of a batch, it asks nothing twice that was stored."""
    (tmp_path / "in").mkdir()
    for name in "ab":
        asked = [{"prompt": f"Record {number} of {name}", "max_gen_len": 4} for number in range(40)]
        asked[7] = {"question": "In whose words?"}
        write_lines(tmp_path / "in" / f"{name}.jsonl", [{"recordId": f"{name}", "modelInput": body} for body in asked])
    calls = scripted(outcrop, tmp_path, "slow", delay=0.04)

    def left(job: Job) -> dict[str, bytes]:
        folder = tmp_path / "out" / job.id
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def invoke(*, wait: bool) -> Job:
        return outcrop.invoke("slow", data=tmp_path / "in", output=tmp_path / "out", wait=wait)

    wanted = left(invoke(wait=True))
    assert sorted(wanted) == ["a.jsonl.out", "b.jsonl.out", "manifest.json.out"]
    calls.unlink()
    job = invoke(wait=False)
    stored: list[int] = []
    for number in (12, 57):
        wait_for(outcrop, job.id, lambda _, number=number: len(read_calls(calls)) >= number)  # type: ignore[misc]
        kill(outcrop, job.id)
        stored += _stored(outcrop, job, "00000" if number < 40 else "00001")
    done_job = outcrop.jobs.wait(job.id)
    assert left(done_job) == wanted
    assert len(done_job.restarts) == 2
    made = read_calls(calls)
    assert set(made) == set(range(80)) - {7, 47}
    assert all(made.count(number) == 1 for number in stored)
    # Only the batches of eight that were in flight ran again, as far as they had come.
    assert len(made) <= 78 + 2 * 8


def test_adapters_that_answer_together(outcrop: Outcrop, tmp_path: Path, tiny_folder: Path) -> None:
    """A batch that several adapters share is stored as one, and made once."""
    outcrop.models.add(str(tiny_folder), "tiny")
    keep_roof(outcrop.services.settings.home)
    names = [f"adapter-{number}" for number in range(6)]
    add_adapters(outcrop, "tiny", tmp_path, names)
    # Long enough that 32 fit side by side: so 30 of each adapter share batches, of which there are two.
    records = [{"prompt": f"{'granite ' * 38}{number}", "referenceResponse": "rock"} for number in range(30)]
    data = write_lines(tmp_path / "data.jsonl", records)

    def evaluated() -> Job:
        job = outcrop.evaluate(names, data=data, task="custom", metrics=["length_ratio"], max_tokens=120, wait=False)
        assert isinstance(job, Job)
        return job

    wanted = report(outcrop, evaluated())
    shutil.rmtree(outcrop.services.settings.cache_folder / "responses")
    job = evaluated()
    folder = f"jobs/{job.id}/responses/0/together-0"
    wait_for(outcrop, job.id, lambda _: outcrop.services.store.exists(f"{folder}/0.json"))
    kill(outcrop, job.id)
    kept = outcrop.services.store.read(f"{folder}/0.json")
    assert not outcrop.services.store.exists(f"{folder}/1.json")
    assert report(outcrop, job) == wanted
    assert outcrop.services.store.read(f"{folder}/0.json") == kept
    assert outcrop.services.store.exists(f"{folder}/1.json")


def test_judging(outcrop: Outcrop, tmp_path: Path) -> None:
    """What a judge said is not asked again, the second time that an answer can't be read included."""
    from outcrop.app.judging import JudgeChoice

    data = questions(tmp_path / "data.jsonl", 40)
    scripted(outcrop, tmp_path, "one", echo_words=4)
    scripted(outcrop, tmp_path, "two", echo_words=3)
    answers = [[1, '{"better": "A"}'], [1, '{"better": "B"}'], [1, "who knows"]]
    calls = scripted(outcrop, tmp_path, "judge", delay=0.03, patterns=[["", answers]])
    judging = JudgeChoice(["judge"], ["Helpfulness"], pairwise=True, repeats=1)

    def judged() -> Job:
        job = outcrop.evaluate(["one", "two"], data=data, task="summarization", judging=judging, wait=False)
        assert isinstance(job, Job)
        return job

    def said(job: Job) -> Report:
        found = report(outcrop, job)
        return replace(found, judges=tuple(replace(one, figures={}) for one in found.judges))

    wanted = said(judged())
    assert wanted.judges[0].criteria[0].counts.asked_again > 0
    asked = len(read_calls(calls))
    calls.unlink()
    job = judged()
    for number in (20, 90):
        wait_for(outcrop, job.id, lambda _, number=number: len(read_calls(calls)) >= number)  # type: ignore[misc]
        kill(outcrop, job.id)
    assert said(job) == wanted
    # Batches of eight: of each one that a kill cut short, at most its rows were asked twice.
    assert asked <= len(read_calls(calls)) <= asked + 16


def _stored(outcrop: Outcrop, job: Job, place: str = "0") -> list[int]:
    """Numbers of the responses that the stored batches of a place hold: the first model's, or a file's."""
    store = outcrop.services.store
    found = [entry.key for entry in store.entries(f"jobs/{job.id}/responses/{place}/")]
    assert found
    keys = [key for key in found if not key.endswith("plan.json")]
    return [response["number"] for key in keys for response in json.loads(store.read(key))["responses"]]


def test_scoring(outcrop: Outcrop, tmp_path: Path) -> None:
    data = questions(tmp_path / "data.jsonl", 4000)
    calls = scripted(outcrop, tmp_path, "model", echo_words=4, batch_rows=500)
    wanted = report(outcrop, evaluate(outcrop, ["model"], data))
    calls.unlink()
    job = evaluate(outcrop, ["model"], data)
    wait_for(outcrop, job.id, lambda job: job.progress.phase.startswith("scoring"))
    kill(outcrop, job.id)
    assert report(outcrop, job) == wanted
    assert sorted(read_calls(calls)) == list(range(4000))
    assert len(outcrop.jobs.show(job.id).restarts) == 1


def test_a_worker_that_slept_past_its_lease_stops_by_itself(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTCROP_LEASE_SECONDS", "1.5")
    with Outcrop(home) as outcrop:
        data = questions(tmp_path / "data.jsonl", 160)
        calls = scripted(outcrop, tmp_path, "slow", delay=0.03, echo_words=4)
        job = evaluate(outcrop, ["slow"], data)
        wait_for(outcrop, job.id, lambda job: is_running(job) and job.progress.done >= 16)
        sleeper = kill(outcrop, job.id, signal.SIGSTOP)
        second = wait_for_another(outcrop, job, sleeper)
        os.kill(sleeper, signal.SIGCONT)
        wait_for(outcrop, job.id, lambda _: _gone(sleeper), 20)
        assert outcrop.jobs.show(job.id).status in (Status.RUNNING, Status.DONE)
        done = outcrop.jobs.wait(job.id)
        assert done.worker is not None
        assert done.worker.pid == second != sleeper
        assert done.fence == 2
        made = read_calls(calls)
        assert set(made) == set(range(160))
        # The sleeper had one batch in flight, and finished at most that one.
        assert len(made) <= 160 + 16
        output = (home / "workers" / f"{job.id}.txt").read_text(encoding="utf-8")
        assert "it stops here" in output


def wait_for_another(outcrop: Outcrop, job: Job, sleeper: int) -> int:
    """See to jobs, as any command does, until another worker holds the job; its process id."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        outcrop.services.recover()
        found = outcrop.jobs.show(job.id)
        if found.worker is not None and found.worker.pid != sleeper and found.status is Status.RUNNING:
            return found.worker.pid
        time.sleep(0.1)
    raise AssertionError("nobody took the job over")


def _gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(") ", 1)[1].startswith("Z")
    except FileNotFoundError:
        return True


def test_stop_keeps_what_is_done_and_resume_goes_on(training: Outcrop, train: Path) -> None:
    job = customize(training, train, "stopped")
    wait_for(training, job.id, has_checkpoint(100))
    training.jobs.stop(job.id)
    stopped = wait_for(training, job.id, lambda job: job.status is Status.STOPPED)
    assert stopped.checkpoint is not None
    assert stopped.checkpoint["step"] >= 100
    assert [model.name for model in training.models.list()] == ["tiny", "undisturbed"]
    training.jobs.resume(job.id)
    training.jobs.wait(job.id)
    assert training.models.show("stopped").identity == training.models.show("undisturbed").identity


def test_a_worker_that_dies_again_and_again_is_given_up(outcrop: Outcrop, tmp_path: Path) -> None:
    data = questions(tmp_path / "data.jsonl", 400)
    scripted(outcrop, tmp_path, "slow", delay=0.05)
    job = evaluate(outcrop, ["slow"], data)
    fences: set[int] = set()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        outcrop.services.recover()
        found = outcrop.jobs.show(job.id)
        if found.status is Status.FAILED:
            break
        if found.status is Status.RUNNING and found.fence not in fences:
            fences.add(found.fence)
            kill(outcrop, job.id)
        time.sleep(0.05)
    assert fences == {1, 2, 3, 4}
    assert "died 4 times" in outcrop.jobs.show(job.id).error
