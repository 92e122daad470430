"""One of the processes of ``test_many_processes``: submits its jobs, then takes and ends whatever is queued.

``python -m tests.acceptance.crowd FOLDER NUMBER COUNT``; the settings come from the environment. Each job that it ended
is a line in ``FOLDER/ended``, each error that a user would have seen one in ``FOLDER/errors``.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

from outcrop.catalog.protocol import Claim
from outcrop.domain.errors import AlreadyExists, IllegalMove, LeaseLost
from outcrop.domain.jobs import ENDED, JobKind, Status, Worker
from outcrop.jobs.lease import Lease
from outcrop.runners.process import ProcessRunner, this_worker
from outcrop.services import Services, open_services
from outcrop.settings import read_settings


class Started(ProcessRunner):
    """A runner that starts nothing: the crowd itself does the work."""

    def start(self, job_id: str) -> Worker:
        """See ``Runner.start``."""
        return this_worker()


def main(folder: Path, number: int, count: int) -> None:
    """Work until every job of all processes has ended."""
    opened = open_services(read_settings())
    services = Services(opened.settings, opened.catalog, opened.store, Started(folder / "workers", {}))
    choose = random.Random(os.getpid())
    try:
        submit(services, number, count)
        while work(services, folder, choose, 8 * count):
            pass
    except Exception as error:
        note(folder / "errors", f"{type(error).__name__}: {error}")
        raise
    finally:
        services.close()


def submit(services: Services, number: int, count: int) -> None:
    """Submit this process's jobs; those that a killed one of the same number has left out, too."""
    for each in range(count):
        try:
            services.submit(list(JobKind)[each % 2], f"job-{number}-{each}", {"models": []})
        except AlreadyExists:
            continue


def work(services: Services, folder: Path, choose: random.Random, total: int) -> bool:
    """Take one job and end it; whether there may be more to do."""
    services.recover()
    jobs = services.catalog.jobs()
    if len(jobs) == total and all(job.status in ENDED for job in jobs):
        return False
    queued = [job for job in jobs if job.status is Status.QUEUED]
    try:
        claim = services.catalog.claim(choose.choice(queued).id, this_worker(), 2.0, 100) if queued else None
        if claim is None:
            time.sleep(0.05)
        else:
            do(services, claim)
            note(folder / "ended", claim.job.id)
    except (IllegalMove, LeaseLost):
        # Another process was faster, or thought that this one was dead.
        pass
    return True


def do(services: Services, claim: Claim) -> None:
    """What a job's work does to the catalog."""
    with Lease(services.catalog, claim, 2.0) as lease:
        lease.log("at work")
        for step in range(3):
            lease.commit_checkpoint({"step": step, "keys": []})
            time.sleep(0.01)
            lease.check()
        lease.finish({"pid": os.getpid(), "fence": claim.fence})


def note(file: Path, line: str) -> None:
    """Add a line to a file that all processes write."""
    with file.open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
