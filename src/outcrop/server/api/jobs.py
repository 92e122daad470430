"""Jobs of every kind: list, show, log, stop, resume."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from outcrop.domain.errors import NotFound
from outcrop.domain.jobs import Job, LogLine
from outcrop.server.api.answers import document
from outcrop.server.api.route import Call
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.paging import job_query, next_token
from outcrop.server.errors import WireError


@dataclass(frozen=True)
class JobList:
    """A part of the jobs, without what they left; ``nextToken`` asks for the next part, and is None after the last."""

    jobs: tuple[Job, ...]
    nextToken: str | None


@dataclass(frozen=True)
class OneJob:
    """A job."""

    job: Job


@dataclass(frozen=True)
class JobLog:
    """Lines of a job's log, in order."""

    log: tuple[LogLine, ...]


def list_jobs(call: Call) -> Response:
    """A part of the jobs, newest first."""
    given = {name: value for name, value in call.query.items() if value is not None}
    page = call.context.outcrop.services.catalog.page(job_query(given.get("kind"), given, given.get("status", ())))
    return document(JobList(page.jobs, next_token(given, page)))


def get_job(call: Call) -> Response:
    """One job."""
    return document(OneJob(_job(call)))


def get_log(call: Call) -> Response:
    """What a job has said, from some line on."""
    return document(JobLog(tuple(call.context.outcrop.jobs.logs(_job(call).id, call.query["after"]))))


def stop_job(call: Call) -> Response:
    """Ask a job to stop."""
    return document(OneJob(call.context.outcrop.jobs.stop(_job(call).id)))


def resume_job(call: Call) -> Response:
    """Go on with a job that has ended before it was done."""
    return document(OneJob(call.context.outcrop.jobs.resume(_job(call).id)))


def _job(call: Call) -> Job:
    identifier = call.labels["job"]
    named = arns.parse(identifier).id if arns.is_arn(identifier) else identifier
    try:
        return call.context.outcrop.jobs.show(named)
    except NotFound:
        raise WireError("ResourceNotFoundException", f"there is no job {identifier[:200]!r}") from None
