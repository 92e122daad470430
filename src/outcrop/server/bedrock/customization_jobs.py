"""Customization jobs: create, get, list, stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from outcrop.app.customization import prepare_customization, submit_customization
from outcrop.domain.codec import from_json
from outcrop.domain.errors import InvalidInput, NotFound
from outcrop.domain.hyperparameters import HYPERPARAMETERS
from outcrop.domain.jobs import ENDED, Job, JobKind, Status
from outcrop.domain.models import CurvePoint, Model
from outcrop.domain.records import Purpose
from outcrop.domain.requests import CustomizationRequest
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.asked import kept, tags_of
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.jobs import STATUSES, failure, find_job, key_arn, modified, role_of, statuses_of
from outcrop.server.bedrock.model_names import find_model, foundation_id, own_id
from outcrop.server.bedrock.paging import job_query, next_token
from outcrop.server.bedrock.tags import set_tags
from outcrop.server.errors import WireError

#: Our own hyperparameter at the wire, where Bedrock leaves no choice: ``lora`` or ``full``.
METHOD = "customizationMethod"

_PURPOSES = {"FINE_TUNING": Purpose.FINE_TUNING, "CONTINUED_PRE_TRAINING": Purpose.PRE_TRAINING}
_TYPES = {purpose: name for name, purpose in _PURPOSES.items()}

_TAGS = {arns.CUSTOMIZATION_JOB: "jobTags", arns.CUSTOM_MODEL: "customModelTags"}

_BY_WIRE = {row.wire: row.name for row in HYPERPARAMETERS}
_BY_NAME = {row.name: row.wire for row in HYPERPARAMETERS}


def create_model_customization_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Check everything, and start the job."""
    services, token = context.outcrop.services, given.get("clientRequestToken", "")
    if (there := services.catalog.job_asked_with(JobKind.CUSTOMIZATION, token)) is not None:
        return {"jobArn": job_arn(context, there)}
    purpose = _purpose(given)
    tags = {kind: tags_of(given, member) for kind, member in _TAGS.items()}
    values: dict[str, str] = dict(given.get("hyperParameters", {}))
    method = values.pop(METHOD, "lora")
    base = find_model(context, given["baseModelIdentifier"])
    try:
        prepared = prepare_customization(
            services,
            base.name,
            train=_training_data(given),
            name=given["customModelName"],
            validation=_validation_data(given),
            method=method,
            purpose=purpose,
            output=given["outputDataConfig"]["s3Uri"],
            given={_BY_WIRE.get(name) or name: value for name, value in values.items()},
        )
    except InvalidInput as error:
        raise _in_words_of_the_wire(error) from None
    asked = kept(given, foundationModelId=foundation_id(context, base, given["baseModelIdentifier"]))
    job = submit_customization(services, prepared, name=given["jobName"], asked=asked, token=token)
    for kind, own in tags.items():
        set_tags(context, kind, job.id, own)
    return {"jobArn": job_arn(context, job)}


def get_model_customization_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Everything about a job."""
    job = _find(context, given["jobIdentifier"])
    asked, model = job.asked or {}, made_model(context, job)
    return {
        "jobArn": job_arn(context, job),
        "jobName": job.name,
        "outputModelName": job.request["model"],
        "outputModelArn": None if model is None else custom_model_arn(context, job),
        "clientRequestToken": job.token or None,
        "roleArn": role_of(context, asked),
        "status": STATUSES[job.status],
        "statusDetails": _status_details(job),
        "failureMessage": failure(job),
        "creationTime": job.created,
        "lastModifiedTime": modified(job),
        "endTime": job.ended or None,
        "baseModelArn": base_model_arn(context, job),
        "outputModelKmsKeyArn": key_arn(asked, "customModelKmsKeyId"),
        "vpcConfig": asked.get("vpcConfig"),
        **described(job, None if model is None or model.lineage is None else model.lineage.curve),
    }


def list_model_customization_jobs(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The jobs that the filters let through, a part at a time."""
    statuses = statuses_of(given)
    if statuses is None:
        return {"modelCustomizationJobSummaries": []}
    page = context.outcrop.services.catalog.page(job_query(JobKind.CUSTOMIZATION, given, statuses))
    summaries = [_summary(context, job) for job in page.jobs]
    return {"modelCustomizationJobSummaries": summaries, "nextToken": next_token(given, page)}


def stop_model_customization_job(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Ask a job to stop."""
    context.outcrop.jobs.stop(_find(context, given["jobIdentifier"]).id)
    return {}


def job_arn(context: Context, job: Job) -> str:
    """A customization job's ARN, which names its base."""
    return context.names.of(arns.CUSTOMIZATION_JOB, _base_id(context, job), job.id)


def custom_model_arn(context: Context, job: Job) -> str:
    """The ARN of the model that a customization job makes."""
    return context.names.of(arns.CUSTOM_MODEL, _base_id(context, job), job.id)


def base_model_arn(context: Context, job: Job) -> str:
    """The ARN of the foundation model that a job's base goes back to."""
    return context.names.of(arns.FOUNDATION_MODEL, _base_id(context, job))


def made_model(context: Context, job: Job) -> Model | None:
    """The model that a job made; None where there is none, or none any more."""
    if job.status is not Status.DONE:
        return None
    try:
        model = context.outcrop.models.show(job.request["model"])
    except NotFound:
        return None
    return model if model.lineage is not None and model.lineage.job == job.id else None


def described(job: Job, curve: tuple[CurvePoint, ...] | None) -> dict[str, Any]:
    """What a job and its custom model both tell: the data, the values, and what came of them."""
    asked, request = job.asked or {}, from_json(CustomizationRequest, job.request)
    losses = [point.training_loss for point in curve or () if point.training_loss is not None]
    held_out = [point.validation_loss for point in curve or () if point.validation_loss is not None]
    return {
        "customizationType": _TYPES[request.purpose],
        "hyperParameters": _values(asked, request),
        "trainingDataConfig": asked.get("trainingDataConfig", _place(request.train.path)),
        "validationDataConfig": asked.get("validationDataConfig", _validators(request)),
        "outputDataConfig": asked.get("outputDataConfig", {"s3Uri": request.output or ""}),
        "trainingMetrics": {"trainingLoss": losses[-1]} if losses else None,
        "validationMetrics": [{"validationLoss": held_out[-1]}] if held_out else None,
    }


def _find(context: Context, identifier: str) -> Job:
    return find_job(context, JobKind.CUSTOMIZATION, arns.CUSTOMIZATION_JOB, identifier)


def _summary(context: Context, job: Job) -> dict[str, Any]:
    done = job.status is Status.DONE
    return {
        "jobArn": job_arn(context, job),
        "baseModelArn": base_model_arn(context, job),
        "jobName": job.name,
        "status": STATUSES[job.status],
        "statusDetails": _status_details(job),
        "creationTime": job.created,
        "lastModifiedTime": modified(job),
        "endTime": job.ended or None,
        "customModelArn": custom_model_arn(context, job) if done else None,
        "customModelName": job.request["model"],
        "customizationType": _TYPES[Purpose(job.request.get("purpose", Purpose.FINE_TUNING))],
    }


def _base_id(context: Context, job: Job) -> str:
    """The id of the foundation model, as the request named it; the base may be gone by now."""
    if (kept_id := (job.asked or {}).get("foundationModelId")) is not None:
        return str(kept_id)
    try:
        base = context.outcrop.models.show(job.request["base"])
    except NotFound:
        return own_id(job.request["base"])
    return foundation_id(context, base)


def _purpose(given: Mapping[str, Any]) -> Purpose:
    kind = given.get("customizationType", "FINE_TUNING")
    if kind not in _PURPOSES or "customizationConfig" in given:
        raise WireError(
            "ValidationException",
            f"customizationType {kind} is not supported here yet; supported are {' and '.join(_PURPOSES)}, without a "
            "customizationConfig",
        )
    return _PURPOSES[kind]


def _training_data(given: Mapping[str, Any]) -> str:
    data = given["trainingDataConfig"]
    if "s3Uri" not in data:
        raise WireError(
            "ValidationException", "trainingDataConfig needs an s3Uri: invocation logs can't be trained on here yet"
        )
    return str(data["s3Uri"])


def _validation_data(given: Mapping[str, Any]) -> str | None:
    validators = given.get("validationDataConfig", {}).get("validators", [])
    if len(validators) > 1:
        raise WireError(
            "ValidationException", f"validationDataConfig has {len(validators)} validators; one can be used"
        )
    return validators[0]["s3Uri"] if validators else None


def _in_words_of_the_wire(error: InvalidInput) -> InvalidInput:
    """The same faults, with hyperparameters by the names that the request uses."""
    known = ", ".join([*_BY_WIRE, METHOD])
    faults = [
        replace(
            fault,
            where="hyperParameters",
            field=_BY_NAME.get(fault.field, fault.field),
            expected=fault.expected if fault.field in _BY_NAME else f"one of {known}",
        )
        if fault.where == "hyperparameters"
        else fault
        for fault in error.faults
    ]
    return InvalidInput(faults, error.total)


def _values(asked: Mapping[str, Any], request: CustomizationRequest) -> dict[str, str]:
    """The hyperparameters that were given, as they were given, and those that every script looks for."""
    usual = ("epochs", "batch_size", "learning_rate", "warmup_steps")
    in_force = {_BY_NAME[name]: str(getattr(request.hyperparameters, name)) for name in usual}
    return {**in_force, **asked.get("hyperParameters", {})}


def _place(path: str) -> dict[str, str]:
    return {"s3Uri": path} if path.startswith("s3://") else {}


def _validators(request: CustomizationRequest) -> dict[str, Any]:
    place = _place(request.validation.path) if request.validation else {}
    return {"validators": [place] if place else []}


def _status_details(job: Job) -> dict[str, Any]:
    """The three stages that Bedrock tells of; the data was validated before the job began."""
    trains = job.progress.phase in ("training", "keeping the model")
    began = job.started > 0
    now = STATUSES[job.status]
    processing = "Completed" if trains or job.status is Status.DONE else now if began or job.status in ENDED else None
    training = now if trains or job.status is Status.DONE else None
    return {
        "validationDetails": _stage(job, "Completed"),
        "dataProcessingDetails": _stage(job, processing),
        "trainingDetails": _stage(job, training),
    }


def _stage(job: Job, status: str | None) -> dict[str, Any]:
    if status is None:
        return {"status": "NotStarted"}
    return {"status": status, "creationTime": job.created, "lastModifiedTime": modified(job)}
