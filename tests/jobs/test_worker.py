from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest

from outcrop.catalog.protocol import Claim
from outcrop.domain.errors import LeaseLost, NotFound, StorageFailure, UserError
from outcrop.domain.jobs import Job, JobKind, Status
from outcrop.jobs import worker
from outcrop.jobs.lease import Lease, StopAsked
from outcrop.jobs.worker import wait_for_turn, work
from outcrop.runners.process import this_worker
from outcrop.services import Services
from tests.doubles import claimed, submitted, taken_over

Run = Callable[[Services, Lease], None]


@pytest.fixture
def does(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Says what evaluation jobs do."""

    def do(run: Run) -> None:
        module = ModuleType("job_of_a_test")
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(worker.KINDS, JobKind.EVALUATION, module.__name__)

    return do


def raises(error: BaseException) -> Run:
    def run(services: Services, lease: Lease) -> None:
        raise error

    return run


def logged(services: Services, job: Job) -> list[tuple[str, str]]:
    return [(line.level, line.text) for line in services.catalog.log_lines(job.id)]


def test_done(services: Services, claim: Claim, does: Callable[[Run], None]) -> None:
    does(lambda services, lease: lease.finish({"n": 1}))
    assert work(services, claim) == 0
    job = services.catalog.job(claim.job.id)
    assert (job.status, job.result, job.error) == (Status.DONE, {"n": 1}, "")
    assert job.ended > 0


@pytest.mark.parametrize("error", [UserError("the file has changed"), NotFound("gone"), StorageFailure("disk full")])
def test_an_error_of_the_tree_is_the_jobs_error(
    services: Services, claim: Claim, does: Callable[[Run], None], error: Exception
) -> None:
    does(raises(error))
    assert work(services, claim) == 1
    job = services.catalog.job(claim.job.id)
    assert (job.status, job.result, job.error) == (Status.FAILED, None, str(error))
    assert logged(services, job) == [("error", str(error))]


def test_an_error_of_our_own_is_named_and_traced(services: Services, claim: Claim, does: Callable[[Run], None]) -> None:
    does(raises(ZeroDivisionError("division by zero")))
    assert work(services, claim) == 1
    job = services.catalog.job(claim.job.id)
    assert job.status is Status.FAILED
    assert job.error == "an error of Outcrop's own: ZeroDivisionError: division by zero"
    ((level, text),) = logged(services, job)
    assert level == "error"
    assert text.startswith("Traceback")
    assert text.rstrip().endswith("ZeroDivisionError: division by zero")


def test_stopped_as_asked(services: Services, claim: Claim, does: Callable[[Run], None]) -> None:
    services.catalog.stop(claim.job.id)
    does(raises(StopAsked()))
    assert work(services, claim) == 0
    job = services.catalog.job(claim.job.id)
    assert (job.status, job.error) == (Status.STOPPED, "")
    assert logged(services, job) == [("info", "stopped, as asked; what is done is kept")]


def test_a_lost_lease_writes_nothing(
    services: Services, claim: Claim, does: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    taken_over(services, claim.job)
    before = services.catalog.job(claim.job.id)
    does(raises(LeaseLost("job job is running under fence 2")))
    assert work(services, claim) == 1
    assert services.catalog.job(claim.job.id) == before
    assert logged(services, claim.job) == []
    assert "it stops here" in capsys.readouterr().err


def test_a_failure_after_the_lease_was_lost_changes_nothing(
    services: Services, claim: Claim, does: Callable[[Run], None]
) -> None:
    taken_over(services, claim.job)
    does(raises(UserError("too late")))
    assert work(services, claim) == 1
    job = services.catalog.job(claim.job.id)
    assert (job.status, job.error, job.fence) == (Status.RUNNING, "", 2)


def test_every_kind_of_job_has_its_function() -> None:
    assert set(worker.KINDS) == set(JobKind)
    for kind in JobKind:
        assert callable(worker._run_function(kind))


# waiting for one's turn


def meanwhile(monkeypatch: pytest.MonkeyPatch, *events: Callable[[], object]) -> list[float]:
    """Instead of sleeping, let one event after the other happen; the pauses that were asked for."""
    left = list(events)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        left.pop(0)()

    monkeypatch.setattr(worker, "time", SimpleNamespace(sleep=sleep))
    return pauses


def test_the_first_of_a_queue_goes_at_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch)
    claim = wait_for_turn(services, submitted(services).id)
    assert claim is not None
    assert claim.worker == this_worker()
    assert claim.job.status is Status.RUNNING


def test_a_slot_is_waited_for(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    first = claimed(services, submitted(services, name="first"))
    second = submitted(services, name="second")
    pauses = meanwhile(
        monkeypatch, lambda: None, lambda: services.catalog.finish(first, Status.DONE, result={}), lambda: None
    )
    claim = wait_for_turn(services, second.id)
    assert claim is not None
    assert claim.job.name == "second"
    assert len(pauses) == 2


def test_the_older_job_goes_first(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    running = claimed(services, submitted(services, name="running"))
    older, younger = submitted(services, name="older"), submitted(services, name="younger")
    # Both wait; then the slot becomes free, and the younger one looks first.
    assert services.catalog.claim(older.id, this_worker(), 30, 1) is None
    seen: list[Status] = []

    def older_takes_it() -> None:
        seen.append(services.catalog.job(younger.id).status)
        claim = services.catalog.claim(older.id, this_worker(), 30, 1)
        assert claim is not None
        services.catalog.finish(claim, Status.DONE, result={})

    pauses = meanwhile(
        monkeypatch, lambda: services.catalog.finish(running, Status.DONE, result={}), older_takes_it, lambda: None
    )
    claim = wait_for_turn(services, younger.id)
    assert claim is not None
    assert claim.job.id == younger.id
    assert seen == [Status.QUEUED]
    assert len(pauses) == 2


def test_more_slots_run_more_jobs(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    roomy = replace(services, settings=replace(services.settings, running_jobs=2))
    meanwhile(monkeypatch)
    for name in ("one", "two"):
        assert wait_for_turn(roomy, submitted(roomy, name=name).id) is not None


def test_a_job_that_is_no_longer_queued_is_left(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed(services, submitted(services, name="running"))
    waiting, deleted = submitted(services, name="waiting"), submitted(services, name="deleted")
    meanwhile(monkeypatch, lambda: services.catalog.stop(waiting.id))
    assert wait_for_turn(services, waiting.id) is None
    services.catalog.stop(deleted.id)
    services.catalog.delete_job(deleted.id)
    assert wait_for_turn(services, deleted.id) is None
    assert wait_for_turn(services, "running") is None


def test_of_two_workers_started_for_a_job_one_does_it(services: Services, does: Callable[[Run], None]) -> None:
    job = submitted(services)
    done: list[int] = []

    def run(services: Services, lease: Lease) -> None:
        done.append(lease.fence)
        assert worker.main(job.id) == 0
        lease.finish({})

    does(run)
    assert worker.main(job.id) == 0
    assert worker.main(job.id) == 0
    assert done == [1]
