"""Jobs as Bedrock shows them: statuses, times, ids, and the request that made one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.domain.errors import NotFound
from outcrop.domain.jobs import Job, JobKind, Status
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.context import Context
from outcrop.server.errors import WireError

#: Bedrock's words for our statuses.
STATUSES = {
    Status.QUEUED: "InProgress",
    Status.RUNNING: "InProgress",
    Status.WAITING: "InProgress",
    Status.STOPPING: "Stopping",
    Status.DONE: "Completed",
    Status.FAILED: "Failed",
    Status.STOPPED: "Stopped",
}

#: The longest message of a failure that the service model allows.
LONGEST_MESSAGE = 2048


def statuses_of(given: Mapping[str, Any]) -> tuple[Status, ...] | None:
    """Our statuses for the filter ``statusEquals``: all where it is not there; None where no job can have it."""
    wanted = given.get("statusEquals")
    if wanted is None:
        return ()
    return tuple(ours for ours, theirs in STATUSES.items() if theirs == wanted) or None


def find_job(context: Context, kind: JobKind, arn_kind: str, identifier: str) -> Job:
    """The job of a kind by its ARN, id or name.

    Raises:
        WireError: ResourceNotFoundException; ValidationException for an ARN of something else.
    """
    if arns.is_arn(identifier):
        arn = arns.parse(identifier)
        if arn.kind != arn_kind:
            raise WireError("ValidationException", f"{identifier[:200]!r} is no ARN of a {arn_kind}")
        identifier = arn.id
    try:
        job = context.outcrop.jobs.show(identifier)
    except NotFound:
        job = None
    if job is None or job.kind is not kind:
        raise WireError("ResourceNotFoundException", f"there is no {arn_kind} {identifier[:200]!r}")
    return job


def modified(job: Job) -> float:
    """When a job last changed or showed a sign of life, in seconds since the epoch."""
    return max(job.created, job.started, job.ended, 0.0 if job.ended else job.renewed)


def failure(job: Job) -> str | None:
    """Why it failed; None where it did not."""
    return job.error[:LONGEST_MESSAGE] if job.status is Status.FAILED else None


def key_arn(asked: Mapping[str, Any], member: str) -> str | None:
    """The ARN of the key that a member of the request named; None where it named none, or by an id or alias."""
    text = str(asked.get(member, ""))
    return text if text.startswith("arn:") and ":key/" in text else None


def role_of(context: Context, asked: Mapping[str, Any]) -> str:
    """The role that the request named; one of this account where it came by another door."""
    return str(asked.get("roleArn", f"arn:aws:iam::{context.names.account}:role/outcrop"))
