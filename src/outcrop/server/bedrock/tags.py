"""Tags of jobs, models and deployments."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from outcrop.domain.deployments import DeploymentKind
from outcrop.domain.errors import NotFound, TooManyTags
from outcrop.domain.jobs import JobKind
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.imports import UNFINISHED, import_job, model_kind
from outcrop.server.bedrock.model_names import made_by
from outcrop.server.errors import WireError

#: Of one resource, as the service model says.
MOST = 200

_JOBS = {
    arns.CUSTOMIZATION_JOB: JobKind.CUSTOMIZATION,
    arns.EVALUATION_JOB: JobKind.EVALUATION,
    arns.IMPORT_JOB: JobKind.IMPORT,
    arns.INVOCATION_JOB: JobKind.INVOCATION,
}


_DEPLOYMENTS = {
    arns.PROVISIONED_MODEL: DeploymentKind.PROVISIONED,
    arns.CUSTOM_MODEL_DEPLOYMENT: DeploymentKind.ON_DEMAND,
}


def tag_resource(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Give a resource tags; those of the same keys get new values."""
    resource = _resource(context, given["resourceARN"])
    try:
        context.outcrop.services.catalog.set_tags(resource, {tag["key"]: tag["value"] for tag in given["tags"]}, MOST)
    except TooManyTags as error:
        raise WireError("TooManyTagsException", str(error), resourceName=given["resourceARN"]) from None
    return {}


def untag_resource(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Take tags away."""
    context.outcrop.services.catalog.remove_tags(_resource(context, given["resourceARN"]), given["tagKeys"])
    return {}


def list_tags_for_resource(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """A resource's tags."""
    tags = context.outcrop.services.catalog.tags(_resource(context, given["resourceARN"]))
    return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}


def set_tags(context: Context, kind: str, resource_id: str, tags: Mapping[str, str]) -> None:
    """Give a new resource its first tags."""
    if tags:
        context.outcrop.services.catalog.set_tags(f"{kind}/{resource_id}", tags, MOST)


def _resource(context: Context, text: str) -> str:
    """Under what a resource's tags are kept.

    Raises:
        WireError: ResourceNotFoundException: there is no such resource, or it can have no tags.
    """
    arn = arns.parse(text)
    with suppress(NotFound):
        if _is_there(context, arn):
            return arn.resource
    raise WireError("ResourceNotFoundException", f"there is no resource {text[:300]!r} that can have tags")


def _is_there(context: Context, arn: arns.Arn) -> bool:
    if arn.kind in _JOBS:
        return _is_job(context, arn)
    return _is_deployment(context, arn) if arn.kind in _DEPLOYMENTS else _is_model(context, arn)


def _is_deployment(context: Context, arn: arns.Arn) -> bool:
    deployment = context.outcrop.deployments.show(arn.id)
    return (deployment.id, deployment.kind) == (arn.id, _DEPLOYMENTS[arn.kind])


def _is_job(context: Context, arn: arns.Arn) -> bool:
    job = context.outcrop.jobs.show(arn.id)
    if job.id != arn.id or job.kind is not _JOBS[arn.kind]:
        return False
    return arn.kind != arns.IMPORT_JOB or model_kind(job) == arns.IMPORTED_MODEL


def _is_model(context: Context, arn: arns.Arn) -> bool:
    if arn.kind not in (arns.CUSTOM_MODEL, arns.IMPORTED_MODEL):
        return False
    job = import_job(context, arn.id)
    if arn.kind == arns.CUSTOM_MODEL and job is not None and job.status in UNFINISHED:
        # It is being created, or could not be.
        return model_kind(job) == arns.CUSTOM_MODEL
    model = made_by(context, arn.id)
    return arn.kind == (arns.CUSTOM_MODEL if model.lineage is not None else model_kind(job))
