from __future__ import annotations

import hashlib
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from outcrop import Outcrop
from outcrop.app import jobs as jobs_module
from outcrop.domain.errors import IllegalMove, JobFailed, NotFound, UserError
from outcrop.domain.jobs import Job, Status
from outcrop.jobs import worker
from tests.doubles import IdleRunner, add_scripted, pairs, questions


def judge(outcrop: Outcrop, folder: Path, name: str = "judged") -> Job:
    if "scripted" not in [model.name for model in outcrop.models.list()]:
        add_scripted(outcrop, folder)
    job = outcrop.evaluate(
        "scripted", data=questions(folder / "data.jsonl", 6), task="summarization", name=name, wait=False
    )
    assert isinstance(job, Job)
    return job


@pytest.mark.parametrize("verb", ["show", "logs", "stop", "resume", "delete", "wait"])
def test_a_job_that_is_not_there(idle: Outcrop, verb: str) -> None:
    with pytest.raises(NotFound, match="no job with the id or name 'nobody'; `outcrop jobs list`"):
        getattr(idle.jobs, verb)("nobody")


def test_jobs_go_by_id_and_name(idle: Outcrop, tmp_path: Path) -> None:
    job = judge(idle, tmp_path)
    assert idle.jobs.show(job.id) == idle.jobs.show("judged")
    assert [each.name for each in idle.jobs.list()] == ["judged"]


def test_a_queued_job_stops_at_once_and_goes_on_when_asked(idle: Outcrop, tmp_path: Path) -> None:
    job = judge(idle, tmp_path)
    assert idle.jobs.stop("judged").status is Status.STOPPED
    with pytest.raises(IllegalMove, match="is stopped"):
        idle.jobs.stop("judged")
    assert worker.main(job.id) == 0
    assert idle.jobs.show("judged").status is Status.STOPPED
    assert idle.jobs.resume("judged").status is Status.QUEUED
    assert isinstance(idle.services.runner, IdleRunner)
    assert idle.services.runner.started == [job.id, job.id]
    assert worker.main(job.id) == 0
    assert idle.jobs.wait("judged").status is Status.DONE
    with pytest.raises(IllegalMove, match="is done"):
        idle.jobs.resume("judged")


def test_what_has_not_ended_is_not_resumed_or_deleted(idle: Outcrop, tmp_path: Path) -> None:
    judge(idle, tmp_path)
    with pytest.raises(IllegalMove, match="is queued"):
        idle.jobs.resume("judged")
    with pytest.raises(IllegalMove, match="is queued; stop it first"):
        idle.jobs.delete("judged")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("which", ["evaluation", "training", "validation"])
def test_changed_data_is_refused_before_the_job_goes_on(
    idle: Outcrop, tmp_path: Path, tiny_folder: Path, which: str
) -> None:
    if which == "evaluation":
        job, changed = judge(idle, tmp_path), tmp_path / "data.jsonl"
    else:
        idle.models.add(str(tiny_folder), "tiny")
        files = {name: pairs(tmp_path / f"{name}.jsonl") for name in ("training", "validation")}
        made = idle.customize("tiny", train=files["training"], validation=files["validation"], name="new", wait=False)
        assert isinstance(made, Job)
        job, changed = made, files[which]
    idle.jobs.stop(job.id)
    kept, before = changed.read_bytes(), sha256(changed)
    changed.write_bytes(kept + b" \n")
    with pytest.raises(UserError, match=f"{changed.name}: has changed.*was {before}, now {sha256(changed)}"):
        idle.jobs.resume(job.id)
    changed.unlink()
    with pytest.raises(NotFound, match=f"{changed.name}: is gone; put it back .its hash is {before}"):
        idle.jobs.resume(job.id)
    assert idle.jobs.show(job.id).status is Status.STOPPED
    changed.write_bytes(kept)
    assert idle.jobs.resume(job.id).status is Status.QUEUED


def test_a_job_whose_model_is_gone_is_not_resumed(idle: Outcrop, tmp_path: Path) -> None:
    job = judge(idle, tmp_path)
    idle.jobs.stop(job.id)
    idle.models.remove("scripted")
    with pytest.raises(NotFound, match="no model named 'scripted'"):
        idle.jobs.resume(job.id)


def test_deleting_frees_what_the_job_left(here: Outcrop, tmp_path: Path) -> None:
    job = judge(here, tmp_path)
    here.jobs.wait(job.id)
    report = Path(here.jobs.report_files(job)[0])
    assert report.is_file()
    words = here.services.settings.home / "workers" / f"{job.id}.txt"
    words.parent.mkdir()
    words.write_text("x")
    size = sum(entry.size for entry in here.services.store.entries(f"jobs/{job.id}/"))
    assert here.jobs.delete("judged") == size > 0
    assert not report.exists()
    assert not words.exists()
    assert not list(here.services.store.entries("jobs/"))
    assert here.jobs.list() == []
    assert here.services.catalog.log_lines(job.id) == []
    # The name is free again.
    judge(here, tmp_path)


def test_deleting_a_customization_leaves_its_model(here: Outcrop, tmp_path: Path, tiny_folder: Path) -> None:
    here.models.add(str(tiny_folder), "tiny")
    here.customize("tiny", train=pairs(tmp_path / "train.jsonl", 2), name="new", rank=1)
    here.jobs.delete("customize-new")
    assert "".join(here.ask("new", "Say 1", max_tokens=2)) != ""


def test_following_tells_each_look_and_replaces_the_dead(
    idle: Outcrop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = judge(idle, tmp_path)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            worker.main(job.id)

    monkeypatch.setattr(jobs_module, "time", SimpleNamespace(sleep=sleep))
    # Long after the job was submitted, so that its worker should have begun.
    later = time.time() + 60
    monkeypatch.setattr("outcrop.catalog.database.time", SimpleNamespace(time=lambda: later))
    runner = idle.services.runner
    assert isinstance(runner, IdleRunner)
    runner.says_alive = False
    told: list[Status] = []
    assert idle.jobs.follow("judged", lambda job: told.append(job.status), poll=0.25).status is Status.DONE
    assert told == [Status.QUEUED, Status.QUEUED, Status.DONE]
    assert pauses == [0.25, 0.25]
    # One look between the two pauses found the worker gone.
    assert runner.started == [job.id, job.id]


def test_waiting_for_what_was_stopped_fails(idle: Outcrop, tmp_path: Path) -> None:
    judge(idle, tmp_path)
    idle.jobs.stop("judged")
    with pytest.raises(JobFailed, match=r"^job judged stopped$"):
        idle.jobs.wait("judged")


def test_logs_go_on_where_one_stopped_reading(here: Outcrop, tmp_path: Path) -> None:
    judge(here, tmp_path)
    lines = here.jobs.logs("judged")
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1].text == "done"
    assert here.jobs.logs("judged", after=1) == lines[1:]
