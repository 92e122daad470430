"""Custom models: get, list, delete."""

from __future__ import annotations

from typing import Any

from outcrop.domain.bedrock_ids import plain_id
from outcrop.domain.errors import NotFound
from outcrop.domain.jobs import Job, JobKind
from outcrop.domain.models import Model
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.customization_jobs import described, job_arn
from outcrop.server.bedrock.errors import WireError
from outcrop.server.bedrock.model_names import find_model, foundation_id, id_of
from outcrop.server.bedrock.paging import part


def get_custom_model(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Everything about a custom model."""
    model = _find(context, given["modelIdentifier"])
    job = maker(context, model)
    told: dict[str, Any] = {"customizationType": "IMPORTED"}
    if job is not None and model.lineage is not None:
        told = {**described(job, model.lineage.curve), "jobName": job.name, "jobArn": job_arn(context, job)}
    elif model.lineage is not None:
        told = {"customizationType": "FINE_TUNING"}
    return {
        "modelArn": custom_model_arn(context, model, job),
        "modelName": model.name,
        "baseModelArn": base_arn(context, model, job),
        "creationTime": model.created,
        "modelStatus": "Active",
        **told,
    }


def list_custom_models(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The custom models that the filters let through, a part at a time."""
    if given.get("modelStatus", "Active") != "Active" or given.get("isOwned") is False:
        return {"modelSummaries": []}
    name = given.get("nameContains", "").lower()
    shown = [model for model in context.outcrop.models.list() if is_custom(model) and name in model.name.lower()]
    summaries = [(model, _summary(context, model)) for model in shown]
    for member in ("baseModelArnEquals", "foundationModelArnEquals"):
        if member in given:
            wanted = arns.parse(given[member]).resource
            summaries = [pair for pair in summaries if arns.parse(pair[1]["baseModelArn"]).resource == wanted]
    found, token = part(summaries, given, lambda pair: pair[0].created, lambda pair: pair[0].name)
    return {"modelSummaries": [summary for _, summary in found], "nextToken": token}


def delete_custom_model(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Forget a custom model, and its tags."""
    model = _find(context, given["modelIdentifier"])
    context.outcrop.models.remove(model.name)
    context.outcrop.services.catalog.remove_tags(f"{arns.CUSTOM_MODEL}/{id_of(model)}")
    return {}


def is_custom(model: Model) -> bool:
    """Whether Bedrock would call it a custom model: it was made from another, or brought by CreateCustomModel."""
    return model.lineage is not None


def maker(context: Context, model: Model) -> Job | None:
    """The job that made a model; None where it is forgotten."""
    try:
        job = context.outcrop.jobs.show(id_of(model) or "")
    except NotFound:
        return None
    return job if job.kind is JobKind.CUSTOMIZATION else None


def custom_model_arn(context: Context, model: Model, job: Job | None) -> str:
    """A custom model's ARN."""
    return context.names.of(arns.CUSTOM_MODEL, _base_id(context, model, job), str(id_of(model)))


def base_arn(context: Context, model: Model, job: Job | None) -> str:
    """The ARN of the foundation model that a model goes back to."""
    return context.names.of(arns.FOUNDATION_MODEL, _base_id(context, model, job))


def _base_id(context: Context, model: Model, job: Job | None) -> str:
    asked = (job.asked or {}).get("foundationModelId") if job else None
    return str(asked) if asked is not None else foundation_id(context, model)


def _find(context: Context, identifier: str) -> Model:
    model = find_model(context, identifier)
    if not is_custom(model):
        raise WireError("ResourceNotFoundException", f"{identifier[:200]!r} is no custom model but a foundation model")
    return model


def _summary(context: Context, model: Model) -> dict[str, Any]:
    job = maker(context, model)
    arn = base_arn(context, model, job)
    kind = described(job, None)["customizationType"] if job is not None else "FINE_TUNING"
    return {
        "modelArn": custom_model_arn(context, model, job),
        "modelName": model.name,
        "creationTime": model.created,
        "baseModelArn": arn,
        "baseModelName": plain_id(arns.parse(arn).id),
        "customizationType": kind,
        "ownerAccountId": context.names.account,
        "modelStatus": "Active",
    }
