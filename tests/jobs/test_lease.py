from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from outcrop.catalog.protocol import Claim
from outcrop.catalog.sql import SqlCatalog
from outcrop.domain.errors import LeaseLost, StorageFailure
from outcrop.domain.jobs import Job, Progress, Status
from outcrop.jobs import lease as lease_module
from outcrop.jobs.lease import Lease, StopAsked
from outcrop.services import Services
from outcrop.testing.catalogs import a_model
from tests.doubles import taken_over

#: Long enough that no test waits for a beat by accident.
LONG = 600.0


class Watched(SqlCatalog):
    """A catalog that says when a lease was renewed; ``broken`` makes so many renewals fail."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.seen: list[Progress | None] = []
        self.broken = 0
        self.changed = threading.Condition()

    def renew(self, claim: Claim, lease_seconds: float, progress: Progress | None = None) -> Status:
        with self.changed:
            if self.broken:
                self.broken -= 1
                self.changed.notify_all()
                raise StorageFailure("the catalog can't be written (a test)")
        status = super().renew(claim, lease_seconds, progress)
        with self.changed:
            self.seen.append(progress)
            self.changed.notify_all()
        return status

    def wait(self, ready: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(ready, timeout=10)


@pytest.fixture
def watched(services: Services) -> Watched:
    return Watched(services.settings.catalog_url)


class Clock:
    """The lease's clock, which stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(lease_module, "seconds_awake_or_asleep", made)
    return made


def test_a_new_phase_is_written_at_once(watched: Watched, services: Services, claim: Claim) -> None:
    with Lease(watched, claim, LONG) as lease:
        # The next beat is two seconds away; a change of phase does not wait for it.
        lease.progress(Progress("training", 1, 10))
        watched.wait(lambda: bool(watched.seen))
        assert services.catalog.job(claim.job.id).progress == Progress("training", 1, 10)


def test_progress_goes_with_the_next_sign_of_life(watched: Watched, services: Services, claim: Claim) -> None:
    with Lease(watched, claim, 0.3) as lease:
        lease.progress(Progress("training", 1, 10))
        lease.progress(Progress("training", 2, 10))
        watched.wait(lambda: Progress("training", 2, 10) in watched.seen)
        assert services.catalog.job(claim.job.id).progress.done == 2


def test_the_lease_is_prolonged(watched: Watched, services: Services, claim: Claim) -> None:
    before = services.catalog.job(claim.job.id).lease_until
    with Lease(watched, claim, LONG) as lease:
        lease.progress(Progress("any"))
        watched.wait(lambda: bool(watched.seen))
    assert services.catalog.job(claim.job.id).lease_until > before + LONG / 2


def test_a_wish_to_stop_is_seen(watched: Watched, services: Services, claim: Claim) -> None:
    with Lease(watched, claim, 0.3) as lease:
        lease.check()
        services.catalog.stop(claim.job.id)
        watched.wait(lambda: lease.stop_asked)
        lease.hold()
        with pytest.raises(StopAsked):
            lease.check()


def test_a_lease_lost_while_asleep_is_noticed(
    services: Services, claim: Claim, job: Job, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody beats for a process that was stopped: the work itself looks at the clock."""
    lease = Lease(services.catalog, claim, 30)
    lease.hold()
    other = taken_over(services, job)
    lease.hold()  # The clock says that the lease is young; the write would say better.
    clock.now = 3600
    for looks in (lease.hold, lease.check, lease.hold):
        with pytest.raises(LeaseLost, match="fence"):
            looks()
    # Known to be lost, it is not asked for again.
    monkeypatch.setattr(services.catalog, "renew", lambda *_: pytest.fail("asked again"))
    with pytest.raises(LeaseLost):
        lease.hold()
    assert services.catalog.job(job.id).fence == other.fence == 2


def test_who_lost_the_lease_writes_nothing(services: Services, claim: Claim, job: Job) -> None:
    lease = Lease(services.catalog, claim, LONG)
    taken_over(services, job)
    before = services.catalog.job(job.id)
    writes: tuple[Callable[[], None], ...] = (
        lambda: lease.finish({"report": 1}),
        lambda: lease.finish_with_model(a_model("made"), {}),
        lambda: lease.commit_checkpoint({"step": 9, "keys": ["k"]}),
    )
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    assert services.catalog.job(job.id) == before
    assert services.catalog.models() == []


def test_a_slept_lease_that_nobody_took_goes_on(services: Services, claim: Claim, clock: Clock) -> None:
    lease = Lease(services.catalog, claim, 30)
    clock.now = 3600
    lease.check()
    lease.finish({"done": True})
    assert services.catalog.job(claim.job.id).status is Status.DONE


def test_a_beat_survives_a_catalog_that_fails_for_a_moment(watched: Watched, claim: Claim) -> None:
    watched.broken = 1
    with Lease(watched, claim, 0.6) as lease:
        watched.wait(lambda: bool(watched.seen))
        lease.check()
    assert watched.broken == 0


def test_the_work_survives_it_while_the_lease_holds(watched: Watched, claim: Claim, clock: Clock) -> None:
    lease = Lease(watched, claim, 30)
    clock.now, watched.broken = 16, 1
    lease.check()
    assert watched.seen == []
    lease.check()
    assert watched.seen == [Progress()]


def test_a_catalog_that_stays_away_ends_the_work(watched: Watched, claim: Claim, clock: Clock) -> None:
    lease = Lease(watched, claim, 30, patience=0)
    clock.now, watched.broken = 30, 2
    with pytest.raises(StorageFailure, match="can't be written"):
        lease.hold()


def test_a_catalog_that_is_gone_is_waited_for(
    watched: Watched, claim: Claim, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(lease_module, "time", SimpleNamespace(sleep=slept.append))
    lease = Lease(watched, claim, 30)
    clock.now, watched.broken = 31, 5
    lease.check()
    assert watched.seen == [Progress()]
    # The first look is the worker's own; then it waits.
    assert slept == [1.0] * 4


def test_the_job_is_as_it_was_claimed(services: Services, claim: Claim) -> None:
    lease = Lease(services.catalog, claim, 30)
    assert (lease.job, lease.fence, lease.stop_asked) == (claim.job, 1, False)
    assert replace(lease.job, progress=Progress()) == services.catalog.job(claim.job.id)
    lease.log("a line")
    lease.log("a warning", "warning")
    lines = services.catalog.log_lines(claim.job.id)
    assert [(line.level, line.text) for line in lines] == [("info", "a line"), ("warning", "a warning")]


def test_the_thread_ends_with_the_work(services: Services, claim: Claim) -> None:
    with Lease(services.catalog, claim, LONG):
        assert any(thread.name == "lease" for thread in threading.enumerate())
    assert not any(thread.name == "lease" for thread in threading.enumerate())


def test_an_ended_job_waits_for_nobody_to_take_its_last_words(
    services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease(services.catalog, claim, 30)
    lease.finish({})

    def gone(*_: object) -> None:
        raise StorageFailure("the catalog can't be written (a test)")

    monkeypatch.setattr(services.catalog, "log", gone)
    monkeypatch.setattr(lease_module, "time", SimpleNamespace(sleep=lambda _: pytest.fail("waited")))
    lease.log("done")
