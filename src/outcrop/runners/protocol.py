"""What a runner promises."""

from __future__ import annotations

from typing import Protocol

from outcrop.domain.jobs import Worker


class Runner(Protocol):
    """Starts workers. A worker outlives whoever started it, and takes its orders from the catalog only."""

    def start(self, job_id: str) -> Worker:
        """Start ``python -m outcrop.jobs.worker JOB``; who it is."""
        ...

    def alive(self, worker: Worker) -> bool | None:
        """Whether the worker's process is there; None where that can't be seen from here."""
        ...
