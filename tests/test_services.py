"""How a job begins, and what becomes of one whose worker died."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from outcrop import Outcrop
from outcrop.catalog.protocol import Claim
from outcrop.domain.errors import AlreadyExists, MissingExtra, NotFound, StorageFailure
from outcrop.domain.generation import GenerationParameters
from outcrop.domain.jobs import Job, JobKind, Status, Worker
from outcrop.engines.vllm import VllmEngine
from outcrop.jobs.response_cache import response_cache
from outcrop.jobs.stored_responses import StoredResponses
from outcrop.runners.process import this_worker
from outcrop.services import RESTARTS, Services, new_job_id
from outcrop.testing.engines import as_prompts
from tests import vllm_double
from tests.doubles import IdleRunner, claimed, idle_services, submitted


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    opened = idle_services(home)
    yield opened
    opened.close()


@pytest.fixture
def runner(services: Services) -> IdleRunner:
    assert isinstance(services.runner, IdleRunner)
    return services.runner


def test_submit_writes_a_row_and_starts_a_worker(services: Services, runner: IdleRunner) -> None:
    job = submitted(services, models=["a"])
    found = services.catalog.job("job")
    assert (found.id, found.status, found.request) == (job.id, Status.QUEUED, {"models": ["a"]})
    assert found.worker == this_worker()
    assert found.created == pytest.approx(time.time(), abs=60)
    assert runner.started == [job.id]


def test_a_job_without_a_name_gets_one(services: Services) -> None:
    job = services.submit(JobKind.EVALUATION, None, {})
    assert job.name == f"evaluation-{job.id}"


def test_ids_have_the_shape_of_bedrocks() -> None:
    ids = {new_job_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(len(job_id) == 12 and job_id.isascii() and job_id.isalnum() and job_id.islower() for job_id in ids)


def test_a_taken_name_starts_nothing(services: Services, runner: IdleRunner) -> None:
    submitted(services)
    with pytest.raises(AlreadyExists, match="'job'"):
        submitted(services)
    assert len(runner.started) == len(services.catalog.jobs()) == 1


def test_of_many_that_submit_one_name_at_once_one_gets_it(home: Path, services: Services) -> None:
    together = threading.Barrier(4)
    got: list[str] = []

    def submit() -> None:
        mine = idle_services(home)
        together.wait()
        try:
            got.append(submitted(mine).id)
        except AlreadyExists:
            got.append("")
        mine.close()

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (job,) = services.catalog.jobs()
    assert sorted(got) == ["", "", "", job.id]


def test_a_job_seen_between_its_row_and_its_worker_is_left_to_its_submitter(
    home: Path, services: Services, runner: IdleRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command may look just then: it starts no second worker."""
    other = idle_services(home)
    real = runner.start

    def looked_at(job_id: str) -> Worker:
        assert other.recover() == []
        return real(job_id)

    monkeypatch.setattr(runner, "start", looked_at)
    job = submitted(services)
    assert services.catalog.job(job.id).restarts == ()
    assert runner.started == [job.id]
    assert isinstance(other.runner, IdleRunner)
    assert other.runner.started == []
    other.close()


# recovery


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of whoever looks after jobs; sleeping moves it."""
    made = Clock(time.time())
    for module in ("outcrop.services", "outcrop.catalog.database"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(time=lambda: made.now, sleep=made.sleep))
    return made


class Clock:
    """Seconds since the epoch; ``while_asleep`` is what happens meanwhile."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.slept: list[float] = []
        self.while_asleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.while_asleep()


def die(services: Services, runner: IdleRunner) -> list[str]:
    runner.says_alive = False
    said = services.recover()
    runner.says_alive = True
    return said


@pytest.fixture
def running(services: Services) -> Claim:
    return claimed(services, submitted(services), worker=Worker(os.uname().nodename, 4242, 1.0))


def test_what_runs_is_left_alone(services: Services, runner: IdleRunner, running: Claim) -> None:
    submitted(services, name="queued")
    before, started = services.catalog.jobs(), list(runner.started)
    assert services.recover() == []
    assert (services.catalog.jobs(), runner.started) == (before, started)


def test_a_dead_worker_is_replaced(services: Services, runner: IdleRunner, running: Claim) -> None:
    assert die(services, runner) == ["job job: its worker, process 4242, is gone; now queued"]
    job = services.catalog.job("job")
    assert (job.status, job.restarts) == (Status.QUEUED, ("its worker, process 4242, is gone",))
    assert runner.started == [job.id, job.id]
    assert job.worker == this_worker()
    (line,) = services.catalog.log_lines(job.id)
    assert (line.level, line.text) == ("warning", "its worker, process 4242, is gone; the job is now queued")


def test_the_reason_has_the_workers_last_words(services: Services, runner: IdleRunner, running: Claim) -> None:
    output = services.settings.home / "workers" / f"{running.job.id}.txt"
    output.parent.mkdir()
    output.write_bytes(b"first\n\xff: out of memory\n\n")
    die(services, runner)
    assert services.catalog.job("job").restarts == ("its worker, process 4242, is gone: \ufffd: out of memory",)


def test_a_lease_that_is_over_counts_as_death(
    services: Services, runner: IdleRunner, running: Claim, clock: Clock
) -> None:
    """The process is there, and shows no sign of life even when it is given a moment: it hangs."""
    clock.now += 29
    assert services.recover() == []
    assert clock.slept == []
    clock.now += 61
    (said,) = services.recover()
    assert said.startswith("job job: its worker")
    assert "has shown no sign of life for 90 s" in said
    assert len(clock.slept) == 1
    assert services.catalog.job("job").status is Status.QUEUED


def test_a_worker_that_wakes_up_goes_on(services: Services, running: Claim, clock: Clock) -> None:
    """The machine slept: whoever looks first must not take the worker's job away before it could speak."""
    clock.now += 3600
    clock.while_asleep = lambda: services.catalog.renew(running, 30)
    assert services.recover() == []
    job = services.catalog.job("job")
    assert (job.status, job.fence, job.restarts) == (Status.RUNNING, 1, ())


def test_a_worker_elsewhere_is_judged_by_its_lease(
    services: Services, runner: IdleRunner, running: Claim, clock: Clock
) -> None:
    runner.says_alive = None
    assert services.recover() == []
    clock.now += 60
    assert len(services.recover()) == 1
    assert clock.slept == []


def test_a_sign_of_life_meanwhile_goes_before(
    services: Services, runner: IdleRunner, running: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the deed another worker, or the same, may have moved on."""
    seen = services.catalog.job("job")
    services.catalog.renew(running, 600)
    monkeypatch.setattr(services.catalog, "jobs", lambda _: [seen])
    assert die(services, runner) == []
    assert len(runner.started) == 1


def test_a_queued_job_whose_worker_never_began_gets_another(
    services: Services, runner: IdleRunner, clock: Clock
) -> None:
    job = submitted(services)
    # A worker that was just started need not have spoken yet.
    assert die(services, runner) == []
    clock.now += 60
    (said,) = die(services, runner)
    assert runner.started == [job.id, job.id]
    (reason,) = services.catalog.job(job.id).restarts
    assert said == f"job job: {reason}; now queued"
    assert f"process {os.getpid()}, never began" in reason


def test_a_queued_job_that_waits_its_turn_is_left_alone(services: Services, runner: IdleRunner, clock: Clock) -> None:
    submitted(services)
    clock.now += 3600
    assert services.recover() == []
    assert len(runner.started) == 1


def test_a_queued_job_that_never_had_a_worker_gets_one(services: Services, runner: IdleRunner) -> None:
    services.catalog.add_job(Job(new_job_id(), "job", JobKind.EVALUATION, Status.QUEUED, {}))
    (said,) = services.recover()
    assert said == "job job: its worker never began; now queued"
    assert len(runner.started) == 1


def test_a_stopping_job_whose_worker_died_is_stopped(services: Services, runner: IdleRunner, running: Claim) -> None:
    services.catalog.stop("job")
    assert die(services, runner) == ["job job: its worker, process 4242, is gone; now stopped"]
    assert services.catalog.job("job").status is Status.STOPPED
    assert len(runner.started) == 1


def test_three_restarts_and_no_more(services: Services, runner: IdleRunner, running: Claim) -> None:
    job = running.job
    for number in range(1, RESTARTS + 1):
        die(services, runner)
        found = services.catalog.job(job.id)
        assert (found.status, len(found.restarts)) == (Status.QUEUED, number)
        claimed(services, job, worker=Worker(os.uname().nodename, 4242 + number, 1.0))
    (said,) = die(services, runner)
    assert said.endswith("process 4245, is gone; now failed")
    found = services.catalog.job(job.id)
    assert found.status is Status.FAILED
    assert "its worker died 4 times" in found.error
    assert all(str(4242 + number) in found.error for number in range(4))
    assert len(runner.started) == 1 + RESTARTS
    assert services.recover() == []


def test_resuming_counts_anew(services: Services, runner: IdleRunner, running: Claim) -> None:
    die(services, runner)
    services.catalog.stop("job")
    services.catalog.resume("job")
    assert services.catalog.job("job").restarts == ()


def test_one_jobs_trouble_keeps_no_other_from_going_on(
    services: Services, runner: IdleRunner, running: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = claimed(services, submitted(services, name="other"), worker=Worker(os.uname().nodename, 4343, 1.0))
    real = runner.start

    def refuses(job_id: str) -> Worker:
        if job_id == running.job.id:
            raise StorageFailure("no worker can be started (Resource temporarily unavailable)")
        return real(job_id)

    monkeypatch.setattr(runner, "start", refuses)
    first, second = die(services, runner)
    assert first.startswith("job job: can't be started again: no worker can be started")
    assert second == "job other: its worker, process 4343, is gone; now queued"
    assert runner.started[-1] == other.job.id


def test_ended_jobs_are_left_alone(services: Services, runner: IdleRunner, running: Claim) -> None:
    services.catalog.finish(running, Status.FAILED, error="it was wrong")
    assert die(services, runner) == []


# what is left over


def test_scratch_is_gone_afterwards_whatever_happens(services: Services) -> None:
    with services.scratch() as folder:
        (folder / "file").write_text("x")
        assert folder.parent == services.settings.home / "scratch"
    assert not folder.exists()
    with pytest.raises(RuntimeError), services.scratch() as folder:
        raise RuntimeError
    assert not folder.exists()


def test_scratch_that_cannot_be_made_is_said(services: Services) -> None:
    (services.settings.home / "scratch").write_text("a file where a folder should be")
    with pytest.raises(StorageFailure, match="no folder can be made there"), services.scratch():
        pass


def test_old_scratch_is_swept_and_young_is_not(services: Services) -> None:
    folder = services.settings.home / "scratch"
    for name, age in (("old", 2 * 86_400), ("young", 60)):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("x")
        os.utime(folder / name, (time.time() - age,) * 2)
    services.recover()
    assert [path.name for path in folder.iterdir()] == ["young"]


# engines


def test_engines_know_no_model_that_is_not_there(services: Services) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        services.engines().open("nobody")


def test_vllm_computes_where_the_setting_says_so(
    home: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
        model = outcrop.services.catalog.model("tiny")
        prompts, parameters = as_prompts(["Hi"]), GenerationParameters(max_tokens=4)
        (response,) = outcrop.services.engines().open("tiny").generate(prompts, parameters)
        kept = response_cache(outcrop.services, model)
        assert kept is not None
        kept.keep(prompts, parameters, StoredResponses((response,), 1.0))
        assert kept.find(prompts, parameters) is not None
    monkeypatch.setenv("OUTCROP_ENGINE", "vllm")
    vllm_double.install(monkeypatch)
    with Outcrop(home) as outcrop:
        engines = outcrop.services.engines()
        engine = engines.open("tiny")
        assert isinstance(engine, VllmEngine)
        assert engine.generate(prompts, parameters)[0].text == response.text
        other = response_cache(outcrop.services, model)
        assert other is not None
        assert other.find(prompts, parameters) is None, "another engine's responses are not taken for its own"


def test_without_vllm_nothing_is_begun(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTCROP_ENGINE", "vllm")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with Outcrop(home) as outcrop, pytest.raises(MissingExtra, match=r"pip install 'outcrop\[vllm\]'"):
        outcrop.services.engines()
