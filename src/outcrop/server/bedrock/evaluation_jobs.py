"""Evaluation jobs: create, get, list, stop, delete."""

from __future__ import annotations

from typing import Any

from outcrop.app.evaluation import submit_evaluation
from outcrop.domain.errors import UserError
from outcrop.domain.jobs import Job, JobKind
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.asked import kept, tags_of
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.evaluation_config import evaluation
from outcrop.server.bedrock.evaluation_described import described, summarized
from outcrop.server.bedrock.jobs import STATUSES, failure, find_job, modified, role_of, statuses_of
from outcrop.server.bedrock.paging import job_query, next_token
from outcrop.server.bedrock.tags import set_tags
from outcrop.server.errors import WireError, told

#: What every job here is; people don't judge yet, and no knowledge base is evaluated.
_KIND = {"jobType": "Automated", "applicationType": "ModelEvaluation"}


def create_evaluation_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Check everything, and start the job."""
    services, token = context.outcrop.services, given.get("clientRequestToken", "")
    if (there := services.catalog.job_asked_with(JobKind.EVALUATION, token)) is not None:
        return {"jobArn": job_arn(context, there)}
    tags = tags_of(given, "jobTags")
    wanted = evaluation(context, given)
    job = submit_evaluation(
        services,
        wanted.models,
        wanted.datasets,
        name=given["jobName"],
        given=wanted.generation,
        stored=wanted.stored,
        judging=wanted.judging,
        output=given["outputDataConfig"]["s3Uri"],
        identifiers=wanted.identifiers,
        asked=kept(given),
        token=token,
    )
    set_tags(context, arns.EVALUATION_JOB, job.id, tags)
    return {"jobArn": job_arn(context, job)}


def get_evaluation_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Everything about a job; its scores are in the files that it leaves."""
    job = _find(context, given["jobIdentifier"])
    reason = failure(job)
    return {
        "jobArn": job_arn(context, job),
        "status": STATUSES[job.status],
        "roleArn": role_of(context, job.asked or {}),
        **_KIND,
        **described(context, job),
        "creationTime": job.created,
        "lastModifiedTime": modified(job),
        "failureMessages": None if reason is None else [reason],
    }


def list_evaluation_jobs(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The jobs that the filters let through, a part at a time."""
    statuses = statuses_of(given)
    if statuses is None or given.get("applicationTypeEquals", _KIND["applicationType"]) != _KIND["applicationType"]:
        return {"jobSummaries": []}
    page = context.outcrop.services.catalog.page(job_query(JobKind.EVALUATION, given, statuses))
    return {"jobSummaries": [_summary(context, job) for job in page.jobs], "nextToken": next_token(given, page)}


def stop_evaluation_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Ask a job to stop."""
    context.outcrop.jobs.stop(_find(context, given["jobIdentifier"]).id)
    return {}


def batch_delete_evaluation_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Forget jobs that have ended, with their tags; what keeps one of them is told beside the others."""
    deleted, errors = [], []
    for identifier in given["jobIdentifiers"]:
        try:
            _delete(context, identifier)
        except (WireError, UserError) as error:
            wrong = told(error, "BatchDeleteEvaluationJob")
            errors.append({"jobIdentifier": identifier, "code": str(wrong.status), "message": wrong.message})
        else:
            deleted.append({"jobIdentifier": identifier, "jobStatus": "Deleting"})
    return {"errors": errors, "evaluationJobs": deleted}


def job_arn(context: Context, job: Job) -> str:
    """An evaluation job's ARN."""
    return context.names.of(arns.EVALUATION_JOB, job.id)


def _find(context: Context, identifier: str) -> Job:
    return find_job(context, JobKind.EVALUATION, arns.EVALUATION_JOB, identifier)


def _summary(context: Context, job: Job) -> dict[str, Any]:
    return {
        "jobArn": job_arn(context, job),
        "status": STATUSES[job.status],
        "creationTime": job.created,
        **_KIND,
        **summarized(described(context, job)),
    }


def _delete(context: Context, identifier: str) -> None:
    job = _find(context, identifier)
    context.outcrop.jobs.delete(job.id)
    context.outcrop.services.catalog.remove_tags(f"{arns.EVALUATION_JOB}/{job.id}")
