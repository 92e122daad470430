"""Progress on stderr: a bar where somebody looks, a line now and then where nobody does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from outcrop.cli.output import console, duration, say
from outcrop.domain.jobs import Job, Status
from outcrop.domain.units import size

#: Seconds between two lines where stderr is no terminal.
_LINE_EVERY = 15.0


@contextmanager
def bytes_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar over bytes, or lines now and then; the function takes bytes done and bytes in all."""
    if not sys.stderr.isatty():
        yield _lines(what)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console(stderr=True), transient=True)
    with bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(what: str) -> Callable[[int, int], None]:
    begun = said = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said > _LINE_EVERY and 0 < done < total:
            rate = done / (now - begun)
            say(f"{what}: {done / total:.0%} · {size(rate)}/s · {duration((total - done) / rate)} left")
            said = now

    return tell


class JobProgress:
    """Shows a job as it goes on."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._status: Any = console(stderr=True).status("") if self._terminal else None
        self._said = 0.0
        self._line = ""

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, job: Job) -> None:
        """Show where the job is."""
        line = describe(job)
        if self._status is not None:
            self._status.update(line)
        elif line != self._line and (time.monotonic() - self._said > _LINE_EVERY or _phase(line) != _phase(self._line)):
            say(line)
            self._said = time.monotonic()
            self._line = line


def describe(job: Job) -> str:
    """A job's progress in a line."""
    progress = job.progress
    if job.status is Status.QUEUED:
        return f"{job.name}: queued"
    parts = [progress.phase or job.status.value]
    if progress.total:
        parts.append(f"{progress.done:,}/{progress.total:,}")
    if progress.figures.get("failed"):
        parts.append(f"{progress.figures['failed']:,.0f} failed")
    if "loss" in progress.figures:
        parts.append(f"loss {progress.figures['loss']:.3f}")
    if "validation_loss" in progress.figures:
        parts.append(f"validation {progress.figures['validation_loss']:.3f}")
    if progress.rate:
        parts.append(f"{progress.rate:,.0f} {progress.rate_unit}/s")
    if progress.eta is not None and job.status is Status.RUNNING:
        parts.append(f"{duration(progress.eta)} left")
    return f"{job.name}: {' · '.join(parts)}"


def _phase(line: str) -> str:
    return line.partition(" · ")[0]
