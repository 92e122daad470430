"""The process that does a job's work: ``python -m outcrop.jobs.worker JOB``."""

from __future__ import annotations

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable

from outcrop.catalog.protocol import Claim
from outcrop.domain.errors import IllegalMove, LeaseLost, NotFound, OutcropError, OverBudget
from outcrop.domain.jobs import HELD, JobKind, Status
from outcrop.jobs.lease import Lease, StopAsked, TimeIsUp, patiently
from outcrop.runners.process import this_worker
from outcrop.services import Services, open_services
from outcrop.settings import read_settings

#: A kind of job and the function that runs it: ``run(services, lease)`` ends the job when its work is done.
KINDS = {
    JobKind.CUSTOMIZATION: "outcrop.jobs.customization",
    JobKind.EVALUATION: "outcrop.jobs.evaluation",
    JobKind.IMPORT: "outcrop.jobs.importing",
    JobKind.INVOCATION: "outcrop.jobs.invocation",
}

_WAIT = 0.5


def main(job_id: str) -> int:
    """Wait for the job's turn, do its work, and leave its status in the catalog; the process's exit code."""
    services = open_services(read_settings())
    try:
        if int(os.environ.get("RANK", "0")) > 0:
            return help_out(services, job_id)
        claim = wait_for_turn(services, job_id)
        return 0 if claim is None else work(services, claim)
    finally:
        services.close()


def help_out(services: Services, job_id: str) -> int:
    """As one of the processes that torchrun started beside the leading one, help while it works; the exit code."""
    while (job := services.catalog.job(job_id)).status is Status.QUEUED:
        time.sleep(_WAIT)
    if job.kind is JobKind.CUSTOMIZATION and job.status in HELD:
        importlib.import_module(KINDS[job.kind]).help_with(services, job)
    return 0


def wait_for_turn(services: Services, job_id: str) -> Claim | None:
    """The claim, once it is the job's turn; None if the job was stopped, deleted or taken meanwhile."""
    settings = services.settings
    while True:
        try:
            claim = patiently(
                lambda: services.catalog.claim(job_id, this_worker(), settings.lease_seconds, settings.running_jobs)
            )
        except (IllegalMove, NotFound):
            return None
        if claim is not None:
            return claim
        time.sleep(_WAIT)


def work(services: Services, claim: Claim) -> int:
    """Run a claimed job to its end, whatever that is; the process's exit code."""
    with Lease(services.catalog, claim, services.settings.lease_seconds) as lease:
        try:
            _run_function(claim.job.kind)(services, lease)
        except LeaseLost as lost:
            print(f"worker: {lost}; it stops here", file=sys.stderr)  # noqa: T201 - the catalog is not its any more
            return 1
        except (OverBudget, TimeIsUp) as error:
            lease.log(str(error), "warning")
            return _end(lease, Status.STOPPED, str(error))
        except StopAsked:
            lease.log("stopped, as asked; what is done is kept")
            return _end(lease, Status.STOPPED, "")
        except OutcropError as error:
            lease.log(str(error), "error")
            return _end(lease, Status.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the job must not stay 'running'
            lease.log(traceback.format_exc(), "error")
            return _end(lease, Status.FAILED, f"an error of Outcrop's own: {type(error).__name__}: {error}")
    return 0


def _run_function(kind: JobKind) -> Callable[[Services, Lease], None]:
    function: Callable[[Services, Lease], None] = importlib.import_module(KINDS[kind]).run
    return function


def _end(lease: Lease, status: Status, error: str) -> int:
    try:
        lease.end(status, error=error)
    except LeaseLost:
        return 1
    return 0 if status is Status.STOPPED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
