"""Import jobs, whichever operation asked: CreateModelImportJob for imported models, CreateCustomModel for custom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from outcrop.app.importing import submit_import
from outcrop.domain.errors import NotFound
from outcrop.domain.jobs import Job, JobKind, JobPage, JobQuery, Status
from outcrop.domain.models import Model
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.asked import kept
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.jobs import LONGEST_MESSAGE
from outcrop.server.bedrock.paging import page_of
from outcrop.server.errors import WireError

#: Statuses of import jobs whose model is not there.
UNFINISHED = tuple(sorted(set(Status) - {Status.DONE}))


def model_kind(job: Job | None) -> str:
    """What Bedrock calls the model of an import job, in ARNs; an imported model where the job is forgotten."""
    asked = (job.asked or {}) if job is not None else {}
    return str(asked.get("brings", arns.IMPORTED_MODEL))


def bringer(context: Context, model: Model) -> Job | None:
    """The job that brought a model; None where none did, or it is forgotten."""
    return None if model.imported is None else import_job(context, model.imported)


def import_job(context: Context, job_id: str) -> Job | None:
    """The import job with an id; None where there is none."""
    try:
        job = context.outcrop.jobs.show(job_id)
    except NotFound:
        return None
    return job if job.kind is JobKind.IMPORT and job.id == job_id else None


def asked_before(context: Context, given: Mapping[str, Any], kind: str) -> Job | None:
    """The job that an earlier request with the same token made.

    Raises:
        WireError: ConflictException: the token was another operation's.
    """
    job = context.outcrop.services.catalog.job_asked_with(JobKind.IMPORT, given.get("clientRequestToken", ""))
    return None if job is None else _of_kind(job, kind)


def start_import(
    context: Context, given: Mapping[str, Any], kind: str, *, model: str, source: Mapping[str, Any], name: str | None
) -> Job:
    """Look at the files, and start the job.

    Args:
        context: The home.
        given: The request.
        kind: What the model is to be, in ARNs.
        model: The model's name.
        source: A ``ModelDataSource``.
        name: The job's; made up where None.

    Raises:
        OutcropError: See ``app.importing.submit_import``.
        WireError: As ``asked_before``.
    """
    job = submit_import(
        context.outcrop.services,
        model,
        source["s3DataSource"]["s3Uri"],
        name=name,
        asked=kept(given, brings=kind),
        token=given.get("clientRequestToken", ""),
    )
    return _of_kind(job, kind)


def import_page(context: Context, query: JobQuery, kind: str) -> JobPage:
    """A part of the import jobs that bring models of a kind."""
    return page_of(context.outcrop.services.catalog, query, lambda job: model_kind(job) == kind)


def import_jobs(context: Context, kind: str, statuses: Sequence[Status]) -> Iterator[Job]:
    """All import jobs that bring models of a kind and are in some statuses, the newest first."""
    query = JobQuery(JobKind.IMPORT, tuple(statuses), limit=1000)
    while True:
        page = import_page(context, query, kind)
        yield from page.jobs
        if page.next is None:
            return
        query = replace(query, after=page.next)


def failure_of(job: Job) -> str | None:
    """Why an import came to nothing; None where it did not. Bedrock's imports can't be stopped, ours can."""
    if job.status is Status.STOPPED:
        return "the import was stopped; `outcrop jobs resume` lets it go on"
    return job.error[:LONGEST_MESSAGE] if job.status is Status.FAILED else None


def source_of(job: Job | None, model: Model | None) -> dict[str, Any] | None:
    """Where a model came from, as a ``ModelDataSource``; None where that was no bucket."""
    place = str(job.request["source"]) if job is not None else model.source if model is not None else ""
    return {"s3DataSource": {"s3Uri": place}} if place.startswith("s3://") else None


def _of_kind(job: Job, kind: str) -> Job:
    if model_kind(job) != kind:
        raise WireError("ConflictException", "clientRequestToken was that of another operation; send a new one")
    return job
