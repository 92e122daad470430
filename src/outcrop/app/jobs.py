"""Jobs: list, show, follow, wait, stop, resume, delete."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from outcrop.domain.errors import JobFailed
from outcrop.domain.jobs import ENDED, Job, LogLine, Status
from outcrop.services import Services

_POLL = 0.5


class Jobs:
    """The jobs of one home folder; a job is named by its id or its name."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def list(self) -> list[Job]:
        """All jobs, oldest first."""
        return self._services.catalog.jobs()

    def show(self, name: str) -> Job:
        """The job of that id or name.

        Raises:
            NotFound: There is none.
        """
        return self._services.catalog.job(name)

    def logs(self, name: str, after: int = 0) -> Sequence[LogLine]:
        """Lines of a job's log whose number is above ``after``.

        Raises:
            NotFound: There is no such job.
        """
        return self._services.catalog.log_lines(self.show(name).id, after)

    def follow(self, name: str, tell: Callable[[Job], None], *, poll: float = _POLL) -> Job:
        """Show a job to ``tell`` again and again until it ends; a worker that dies is replaced meanwhile.

        Raises:
            NotFound: There is no such job.
        """
        while True:
            job = self.show(name)
            tell(job)
            if job.status in ENDED:
                return job
            time.sleep(poll)
            self._services.recover()

    def wait(self, name: str) -> Job:
        """Wait until a job is done.

        Raises:
            NotFound: There is no such job.
            JobFailed: It failed or was stopped; the message says why.
        """
        job = self.follow(name, lambda _: None)
        if job.status is not Status.DONE:
            raise JobFailed(f"job {job.name} {job.status.value}{': ' + job.error if job.error else ''}")
        return job

    def stop(self, name: str) -> Job:
        """Ask a job to stop; it ends at the next step and keeps what is done.

        Raises:
            NotFound: There is no such job.
            IllegalMove: It has ended already.
        """
        self._services.catalog.stop(name)
        return self.show(name)

    def resume(self, name: str) -> Job:
        """Go on with a stopped or failed job from where it was.

        Raises:
            NotFound: There is no such job.
            IllegalMove: It has not ended, or it is done.
        """
        job = self.show(name)
        self._services.catalog.resume(job.id)
        self._services.start(job.id)
        return self.show(job.id)

    def delete(self, name: str) -> int:
        """Forget a job that has ended, with its report, responses and checkpoints; the bytes that freed.

        The custom model that it made stays.

        Raises:
            NotFound: There is no such job.
            IllegalMove: It has not ended.
        """
        job = self.show(name)
        self._services.catalog.delete_job(job.id)
        (self._services.settings.home / "workers" / f"{job.id}.txt").unlink(missing_ok=True)
        return self._services.store.delete(f"jobs/{job.id}")

    def last_words(self, job: Job) -> str:
        """The end of what a job's workers printed, "" in most cases: what they can report, the log has."""
        path = self._services.settings.home / "workers" / f"{job.id}.txt"
        return path.read_text(encoding="utf-8", errors="replace")[-2000:].strip() if path.is_file() else ""

    def report_file(self, job: Job, kind: str = "html") -> str:
        """Where a person finds an evaluation job's report."""
        return self._services.store.address(f"jobs/{job.id}/report.{kind}")
