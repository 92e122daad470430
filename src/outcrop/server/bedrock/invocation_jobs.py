"""Model invocation jobs, which answer files of records: create, get, list, stop."""

from __future__ import annotations

from typing import Any

from outcrop.app.invocation import submit_invocation
from outcrop.domain.codec import from_json
from outcrop.domain.errors import NotFound
from outcrop.domain.jobs import Job, JobKind, Status
from outcrop.domain.requests import InvocationRequest, Wording
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.asked import kept, tags_of
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.jobs import LONGEST_MESSAGE, find_job, modified, role_of
from outcrop.server.bedrock.model_names import find_model, foundation_id, model_arn, own_id
from outcrop.server.bedrock.paging import job_query, next_token, page_of
from outcrop.server.bedrock.tags import set_tags
from outcrop.server.bedrock.targets import family_of

_WORDINGS = {"InvokeModel": Wording.INVOKE, "Converse": Wording.CONVERSE}
_TYPES = {wording: name for name, wording in _WORDINGS.items()}

#: Our statuses for Bedrock's words, and perhaps for others; data is checked before a job is there, so that none is
#: ever submitted or being validated.
_STATUSES = {
    "Scheduled": (Status.QUEUED,),
    "InProgress": (Status.QUEUED, Status.RUNNING, Status.WAITING),
    "Stopping": (Status.STOPPING,),
    "Completed": (Status.DONE,),
    "Failed": (Status.FAILED,),
    "Stopped": (Status.STOPPED,),
    "PartiallyCompleted": (Status.STOPPED,),
    "Expired": (Status.STOPPED,),
}

#: What this list calls the times that other lists filter by.
_TIMES = {"submitTimeAfter": "creationTimeAfter", "submitTimeBefore": "creationTimeBefore"}


def create_model_invocation_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Check every line of the records, and start the job."""
    services, token = context.outcrop.services, given.get("clientRequestToken", "")
    if (there := services.catalog.job_asked_with(JobKind.INVOCATION, token)) is not None:
        return {"jobArn": _job_arn(context, there)}
    tags = tags_of(given, "tags")
    model = find_model(context, given["modelId"])
    job = submit_invocation(
        services,
        model.name,
        data=given["inputDataConfig"]["s3InputDataConfig"]["s3Uri"],
        output=given["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"],
        wording=_WORDINGS[given.get("modelInvocationType", "InvokeModel")],
        name=given["jobName"],
        hours=given.get("timeoutDurationInHours"),
        asked_as=given["modelId"],
        family=family_of(context, model, given["modelId"]),
        asked=kept(given),
        token=token,
    )
    set_tags(context, arns.INVOCATION_JOB, job.id, tags)
    return {"jobArn": _job_arn(context, job)}


def get_model_invocation_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Everything about a job."""
    return _described(context, _find(context, given["jobIdentifier"]))


def list_model_invocation_jobs(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The jobs that the filters let through, a part at a time."""
    asked = {_TIMES.get(name, name): value for name, value in given.items()}
    wanted = given.get("statusEquals")
    statuses = _STATUSES.get(wanted, ()) if wanted is not None else ()
    if wanted is not None and not statuses:
        return {"invocationJobSummaries": []}
    query = job_query(JobKind.INVOCATION, asked, statuses)
    page = page_of(context.outcrop.services.catalog, query, lambda job: wanted in (None, _status(job)))
    return {
        "invocationJobSummaries": [_described(context, job) for job in page.jobs],
        "nextToken": next_token(asked, page),
    }


def stop_model_invocation_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Ask a job to stop; it leaves the answers that it has."""
    context.outcrop.jobs.stop(_find(context, given["jobIdentifier"]).id)
    return {}


def _find(context: Context, identifier: str) -> Job:
    return find_job(context, JobKind.INVOCATION, arns.INVOCATION_JOB, identifier)


def _job_arn(context: Context, job: Job) -> str:
    return context.names.of(arns.INVOCATION_JOB, job.id)


def _described(context: Context, job: Job) -> dict[str, Any]:
    asked, request = job.asked or {}, from_json(InvocationRequest, job.request)
    failed = int(job.progress.figures.get("failed", 0))
    return {
        "jobArn": _job_arn(context, job),
        "jobName": job.name,
        "modelId": asked["modelId"] if "modelId" in asked else _model_id(context, request),
        "clientRequestToken": job.token or None,
        "roleArn": role_of(context, asked),
        "status": _status(job),
        "message": job.error[:LONGEST_MESSAGE] or None,
        "submitTime": job.created,
        "lastModifiedTime": modified(job),
        "endTime": job.ended or None,
        "inputDataConfig": asked.get("inputDataConfig", _place("s3InputDataConfig", request.source)),
        "outputDataConfig": asked.get("outputDataConfig", _place("s3OutputDataConfig", request.output)),
        "vpcConfig": asked.get("vpcConfig"),
        "timeoutDurationInHours": asked.get("timeoutDurationInHours"),
        "jobExpirationTime": None if request.hours is None else _expires(job, request.hours),
        "modelInvocationType": _TYPES[request.wording],
        "totalRecordCount": request.records,
        "processedRecordCount": job.progress.done,
        "successRecordCount": job.progress.done - failed,
        "errorRecordCount": failed,
    }


def _status(job: Job) -> str:
    """Bedrock's word: a job whose time was over has expired, or is partially completed where it had begun."""
    hours = job.request["hours"]
    if job.status is Status.STOPPED and hours is not None and job.ended >= _expires(job, hours):
        return "PartiallyCompleted" if job.progress.done else "Expired"
    if job.status is Status.QUEUED and job.started:
        return "InProgress"
    return next(word for word, ours in _STATUSES.items() if job.status in ours)


def _expires(job: Job, hours: float) -> float:
    return job.created + 3600 * hours


def _model_id(context: Context, request: InvocationRequest) -> str:
    """What a job's model is called that was asked by another door."""
    try:
        model = context.outcrop.models.show(request.asked_model)
    except NotFound:
        return own_id(request.asked_model)
    return model_arn(context, model) if model.lineage is not None else foundation_id(context, model)


def _place(member: str, place: str) -> dict[str, Any]:
    """A place as the wire has it; a job that came by another door may have a path of this machine."""
    return {member: {"s3Uri": place}}
