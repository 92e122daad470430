"""A worker's hold on its job: signs of life, progress, and the order to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from outcrop.catalog.protocol import Catalog, Claim
from outcrop.domain.errors import LeaseLost, StorageFailure
from outcrop.domain.jobs import Job, Progress, Status
from outcrop.domain.models import Model

#: A worker renews its lease this many times within the lease's length.
_BEATS = 6


#: Seconds for which a worker waits for a catalog that is gone: work done is worth it, and nobody can take the job.
PATIENCE = 600.0

#: Seconds between two attempts.
_PAUSE = 1.0

Result = TypeVar("Result")


class StopAsked(Exception):
    """Somebody asked the job to stop, and what was done is kept."""


class TimeIsUp(StopAsked):
    """The job had so much time and no more, and what was done is kept."""


def seconds_awake_or_asleep() -> float:
    """A clock that never jumps and goes on while the machine sleeps, in seconds."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def patiently(call: Callable[[], Result], patience: float = PATIENCE) -> Result:
    """What a call on the catalog gives, tried again for ``patience`` seconds where the catalog can't be reached.

    Raises:
        StorageFailure: It still can't be.
    """
    until = seconds_awake_or_asleep() + patience
    while True:
        try:
            return call()
        except StorageFailure:
            if seconds_awake_or_asleep() >= until:
                raise
            time.sleep(_PAUSE)


class Lease:
    """Renews a claim from a thread; the work calls ``check`` wherever it can stop.

    The thread can't speak for a process that was stopped as a whole, so ``check`` looks at the clock too: a lease that
    ran out unnoticed is renewed on the spot, which fails if another worker has taken the job. A catalog that is gone is
    waited for, for ``patience`` seconds.
    """

    def __init__(self, catalog: Catalog, claim: Claim, seconds: float, patience: float = PATIENCE) -> None:
        self._catalog = catalog
        self._patience = patience
        self._claim = claim
        self._seconds = seconds
        self._progress = Progress()
        self._lock = threading.Lock()
        self._renewed = seconds_awake_or_asleep()
        self._status = Status.RUNNING
        self._until: tuple[float, str] | None = None
        self._lost: LeaseLost | None = None
        self._closed = False
        self._ended = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._wake.set()
        self._thread.join()

    @property
    def job(self) -> Job:
        """The job as it was when it was claimed."""
        return self._claim.job

    @property
    def fence(self) -> int:
        """The fence number that this worker's writes carry."""
        return self._claim.fence

    @property
    def stop_asked(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self._status is Status.STOPPING

    def hold(self) -> None:
        """Make sure that the job is still this worker's.

        Raises:
            LeaseLost: It is not; nothing may be written any more.
            StorageFailure: The lease has run out, and the catalog stays away for longer than patience goes.
        """
        if seconds_awake_or_asleep() - self._renewed > self._seconds / 2:
            try:
                self._renew()
            except StorageFailure:
                # Nobody takes the job before the lease runs out, and the catalog may come back until then.
                if seconds_awake_or_asleep() - self._renewed >= self._seconds:
                    patiently(self._renew, self._patience)
        if self._lost is not None:
            raise self._lost

    def check(self) -> None:
        """A place where the work may end.

        Raises:
            LeaseLost: As ``hold``.
            StopAsked: Somebody asked the job to stop.
            TimeIsUp: The time that ``allow`` gave is over.
        """
        self.hold()
        if self.stop_asked:
            raise StopAsked
        if self._until is not None and seconds_awake_or_asleep() >= self._until[0]:
            raise TimeIsUp(self._until[1])

    def allow(self, seconds: float, otherwise: str) -> None:
        """Let the work go on for so many seconds; ``otherwise`` says in words why it ended."""
        self._until = seconds_awake_or_asleep() + seconds, otherwise

    def progress(self, progress: Progress, *, at_once: bool = False) -> None:
        """Say how far the job is; written with the next sign of life, which comes at once for a new phase.

        With ``at_once`` it is written when this returns.

        Raises:
            LeaseLost: With ``at_once``: the job is no longer this worker's.
        """
        new_phase = progress.phase != self._progress.phase
        self._progress = progress
        if at_once:
            patiently(self._renew, self._patience)
        elif new_phase:
            self._wake.set()

    def log(self, text: str, level: str = "info") -> None:
        """Add a line to the job's log; once the job has ended, only if the catalog is there at once."""
        if not self._ended:
            patiently(lambda: self._catalog.log(self.job.id, level, text), self._patience)
            return
        with suppress(StorageFailure):
            self._catalog.log(self.job.id, level, text)

    def finish(self, result: dict[str, Any]) -> None:
        """End the job as done.

        Raises:
            LeaseLost: The job is no longer this worker's.
        """
        self.end(Status.DONE, result=result)

    def end(self, status: Status, *, result: dict[str, Any] | None = None, error: str = "") -> None:
        """End the job.

        Raises:
            LeaseLost: The job is no longer this worker's.
        """
        patiently(lambda: self._catalog.finish(self._claim, status, result=result, error=error), self._patience)
        self._ended = True

    def finish_with_model(self, model: Model, result: dict[str, Any]) -> None:
        """End the job as done, and add the model that it made or brought.

        Raises:
            LeaseLost: The job is no longer this worker's.
            AlreadyExists: A model of that name was added meanwhile.
        """
        patiently(lambda: self._catalog.finish_with_model(self._claim, model, result), self._patience)
        self._ended = True

    def commit_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make a checkpoint the one to continue from.

        Raises:
            LeaseLost: The job is no longer this worker's.
        """
        patiently(lambda: self._catalog.commit_checkpoint(self._claim, checkpoint), self._patience)

    def _beat(self) -> None:
        while True:
            self._wake.wait(min(2.0, self._seconds / _BEATS))
            self._wake.clear()
            if self._closed:
                return
            try:
                self._renew()
            except LeaseLost:
                return
            except StorageFailure:
                # The catalog may come back before the lease runs out; ``hold`` finds out if it does not.
                continue

    def _renew(self) -> None:
        with self._lock:
            if self._lost is not None:
                raise self._lost
            try:
                self._status = self._catalog.renew(self._claim, self._seconds, self._progress)
            except LeaseLost as lost:
                self._lost = lost
                raise
            self._renewed = seconds_awake_or_asleep()
