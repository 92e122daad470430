"""Jobs: list, show, follow, wait, stop, resume, delete."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from outcrop.app.customization import require_free
from outcrop.app.evaluation import reports_of
from outcrop.domain.codec import from_json
from outcrop.domain.errors import JobFailed, NotFound
from outcrop.domain.jobs import ENDED, Job, JobKind, LogLine, Status
from outcrop.domain.requests import CustomizationRequest, Dataset, EvaluationRequest, ImportRequest, InvocationRequest
from outcrop.jobs.datasets import require_same_model, require_unchanged
from outcrop.jobs.importing import discard
from outcrop.jobs.model_files import require_same_files
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
            NotFound: There is no such job, or a model or file that it works with is gone.
            UserError: A dataset or a model has changed since the job was submitted; the message has both hashes.
            AlreadyExists: The name of the model it would make has been taken meanwhile.
            IllegalMove: It has not ended, or it is done.
        """
        job = self.show(name)
        if job.status in (Status.FAILED, Status.STOPPED):
            _require_inputs(self._services, job)
        self._services.resume(job.id)
        return self.show(job.id)

    def delete(self, name: str) -> int:
        """Forget a job that has ended, with its report, responses and checkpoints; the bytes that freed.

        The model that it made or brought stays.

        Raises:
            NotFound: There is no such job.
            IllegalMove: It has not ended.
        """
        job = self.show(name)
        self._services.catalog.delete_job(job.id)
        (self._services.settings.home / "workers" / f"{job.id}.txt").unlink(missing_ok=True)
        freed = discard(self._services, job.id) if job.kind is JobKind.IMPORT else 0
        return freed + self._services.store.delete(f"jobs/{job.id}")

    def report_files(self, job: Job, kind: str = "html") -> Sequence[str]:
        """Where a person finds an evaluation job's reports, one for each dataset."""
        return [self._services.store.address(f"{folder}/report.{kind}") for folder in _report_folders(job)]

    def report_page(self, name: str, dataset: str | None = None) -> bytes:
        """The page of an evaluation job's report, as HTML in UTF-8: of a dataset, of the first where None.

        Raises:
            NotFound: There is no such job, it has no such dataset, or the page was deleted.
            IllegalMove: The job is not done, or is no evaluation job.
            StorageFailure: The page can't be read.
        """
        job = self.show(name)
        known = [report.dataset for report in reports_of(job)]
        if dataset is not None and dataset not in known:
            raise NotFound(f"job {job.name} has no dataset {dataset!r}; it has {', '.join(known)}")
        folder = _report_folders(job)[0 if dataset is None else known.index(dataset)]
        return self._services.store.read(f"{folder}/report.html")


def _report_folders(job: Job) -> list[str]:
    """Where the store has an evaluation job's reports, in the order of its datasets."""
    parts = from_json(EvaluationRequest, job.request).parts
    return [f"jobs/{job.id}"] if len(parts) == 1 else [f"jobs/{job.id}/{part.name}" for part in parts]


def _require_inputs(services: Services, job: Job) -> None:
    """Make sure that a job finds what it was submitted with: better now than by a worker that fails."""
    datasets: list[Dataset | None]
    request: CustomizationRequest | EvaluationRequest | InvocationRequest
    if job.kind is JobKind.IMPORT:
        wanted = from_json(ImportRequest, job.request)
        require_free(services, wanted.model)
        require_same_files(services, wanted.source, wanted.files)
        return
    if job.kind is JobKind.CUSTOMIZATION:
        request = from_json(CustomizationRequest, job.request)
        require_free(services, request.model)
        require_same_model(services, request.base, request.base_identity)
        datasets = [request.train, request.validation]
    elif job.kind is JobKind.INVOCATION:
        request = from_json(InvocationRequest, job.request)
        require_same_model(services, request.asked_model, request.identity)
        datasets = [file.data for file in request.files]
    else:
        request = from_json(EvaluationRequest, job.request)
        for model, identity in zip(request.models, request.identities, strict=True):
            if identity is not None:
                require_same_model(services, model, identity)
        datasets = [each for part in request.parts for each in (part.data, part.prompting.examples)]
    for dataset in filter(None, datasets):
        require_unchanged(services, dataset)
