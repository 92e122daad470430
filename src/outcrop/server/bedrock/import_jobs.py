"""Import jobs and imported models: create, get, list, delete."""

from __future__ import annotations

from typing import Any

from outcrop.domain.jobs import Job, JobKind, Status
from outcrop.domain.models import Model
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.asked import tags_of
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.imports import (
    asked_before,
    bringer,
    failure_of,
    import_page,
    model_kind,
    source_of,
    start_import,
)
from outcrop.server.bedrock.jobs import find_job, key_arn, modified, role_of
from outcrop.server.bedrock.model_names import find_model, id_of
from outcrop.server.bedrock.paging import job_query, next_token, part
from outcrop.server.bedrock.tags import set_tags
from outcrop.server.errors import WireError

_TAGS = {arns.IMPORT_JOB: "jobTags", arns.IMPORTED_MODEL: "importedModelTags"}

#: Bedrock's words for our statuses; it knows no import that was stopped.
_STATUSES = {
    **dict.fromkeys((Status.QUEUED, Status.RUNNING, Status.WAITING, Status.STOPPING), "InProgress"),
    Status.DONE: "Completed",
    Status.FAILED: "Failed",
    Status.STOPPED: "Failed",
}

#: What transformers puts behind the name of an architecture's family.
_HEADS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForSequenceClassification", "ForMaskedLM", "Model")

#: Weights for which one of Bedrock's custom model units is named; nothing here is paid for by them.
_WEIGHTS_PER_UNIT = 10_000_000_000


def create_model_import_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Look at the model's files, and start the job that brings them."""
    if (there := asked_before(context, given, arns.IMPORTED_MODEL)) is not None:
        return {"jobArn": _job_arn(context, there)}
    tags = {kind: tags_of(given, member) for kind, member in _TAGS.items()}
    job = start_import(
        context,
        given,
        arns.IMPORTED_MODEL,
        model=given["importedModelName"],
        source=given["modelDataSource"],
        name=given["jobName"],
    )
    for kind, own in tags.items():
        set_tags(context, kind, job.id, own)
    return {"jobArn": _job_arn(context, job)}


def get_model_import_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Everything about an import job."""
    job = find_job(context, JobKind.IMPORT, arns.IMPORT_JOB, given["jobIdentifier"])
    if model_kind(job) != arns.IMPORTED_MODEL:
        raise WireError("ResourceNotFoundException", f"{given['jobIdentifier'][:200]!r} was asked by CreateCustomModel")
    asked = job.asked or {}
    return {
        **_summary(context, job),
        "roleArn": role_of(context, asked),
        "modelDataSource": source_of(job, None),
        "failureMessage": failure_of(job),
        "vpcConfig": asked.get("vpcConfig"),
        "importedModelKmsKeyArn": key_arn(asked, "importedModelKmsKeyId"),
    }


def list_model_import_jobs(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The import jobs that the filters let through, a part at a time."""
    wanted = given.get("statusEquals")
    statuses = [ours for ours, theirs in _STATUSES.items() if theirs == wanted]
    page = import_page(context, job_query(JobKind.IMPORT, given, statuses), arns.IMPORTED_MODEL)
    summaries = [_summary(context, job) for job in page.jobs]
    return {"modelImportJobSummaries": summaries, "nextToken": next_token(given, page)}


def get_imported_model(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Everything about an imported model."""
    model = _find(context, given["modelIdentifier"])
    job = bringer(context, model)
    return {
        **_model_summary(context, model),
        "jobName": job.name if job is not None else None,
        "jobArn": context.names.of(arns.IMPORT_JOB, str(model.imported)),
        "modelDataSource": source_of(job, model),
        "modelKmsKeyArn": key_arn((job.asked or {}) if job is not None else {}, "importedModelKmsKeyId"),
        "customModelUnits": {
            "customModelUnitsPerModelCopy": max(1, -(-model.parameters // _WEIGHTS_PER_UNIT)),
            "customModelUnitsVersion": "v1.0",
        },
    }


def list_imported_models(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The imported models that the filters let through, a part at a time."""
    name = given.get("nameContains", "").lower()
    shown = [
        model for model in context.outcrop.models.list() if name in model.name.lower() and is_imported(context, model)
    ]
    found, token = part(shown, given, lambda model: model.created, lambda model: model.name)
    return {"modelSummaries": [_model_summary(context, model) for model in found], "nextToken": token}


def delete_imported_model(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Forget an imported model, and its tags."""
    model = _find(context, given["modelIdentifier"])
    context.outcrop.models.remove(model.name)
    context.outcrop.services.catalog.remove_tags(f"{arns.IMPORTED_MODEL}/{id_of(model)}")
    return {}


def is_imported(context: Context, model: Model) -> bool:
    """Whether Bedrock would call it an imported model: an import job brought it, and not for CreateCustomModel."""
    return model.imported is not None and model_kind(bringer(context, model)) == arns.IMPORTED_MODEL


def _find(context: Context, identifier: str) -> Model:
    model = find_model(context, identifier)
    if not is_imported(context, model):
        raise WireError("ResourceNotFoundException", f"{identifier[:200]!r} is no imported model")
    return model


def _job_arn(context: Context, job: Job) -> str:
    return context.names.of(arns.IMPORT_JOB, job.id)


def _summary(context: Context, job: Job) -> dict[str, Any]:
    done = job.status is Status.DONE
    return {
        "jobArn": _job_arn(context, job),
        "jobName": job.name,
        "status": _STATUSES[job.status],
        "lastModifiedTime": modified(job),
        "creationTime": job.created,
        "endTime": job.ended or None,
        "importedModelArn": context.names.of(arns.IMPORTED_MODEL, job.id) if done else None,
        "importedModelName": job.request["model"],
    }


def _model_summary(context: Context, model: Model) -> dict[str, Any]:
    return {
        "modelArn": context.names.of(arns.IMPORTED_MODEL, str(model.imported)),
        "modelName": model.name,
        "creationTime": model.created,
        "instructSupported": bool(model.identity.template),
        "modelArchitecture": _family(model.architecture),
    }


def _family(architecture: str) -> str:
    """The family of a network: ``LLAMA`` for ``LlamaForCausalLM``."""
    head = next((head for head in _HEADS if architecture.endswith(head)), "")
    return architecture.removesuffix(head).upper()
