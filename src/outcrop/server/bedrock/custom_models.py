"""Custom models: create from files, get, list, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.domain.bedrock_ids import plain_id
from outcrop.domain.errors import IllegalMove, NotFound
from outcrop.domain.jobs import ENDED, Job, JobKind
from outcrop.domain.models import Model
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.asked import tags_of
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.customization_jobs import described, job_arn
from outcrop.server.bedrock.imports import (
    UNFINISHED,
    asked_before,
    bringer,
    failure_of,
    import_jobs,
    model_kind,
    start_import,
)
from outcrop.server.bedrock.jobs import key_arn
from outcrop.server.bedrock.model_names import find_model, foundation_id, id_of, own_id
from outcrop.server.bedrock.paging import part
from outcrop.server.bedrock.tags import set_tags
from outcrop.server.errors import WireError

#: The service model lets the name of a base be no longer.
_LONGEST_BASE_NAME = 63

#: What stands in the place of a base in the ARN of a model that was brought as it is.
_IMPORTED = "imported"


@dataclass(frozen=True)
class _Custom:
    """A custom model, or one that is to be.

    Attributes:
        id, name: As its ARN and as people call it.
        created: When it was made; of one that was brought, when that was asked for: seconds since the epoch.
        status: One of Bedrock's.
        model: The model; None until its import job is done.
        job: The one that made or brought it; None where that is forgotten.
    """

    id: str
    name: str
    created: float
    status: str
    model: Model | None
    job: Job | None

    @property
    def imported(self) -> bool:
        """Whether it was brought as it is, and not trained here."""
        return self.model is None or self.model.lineage is None

    @property
    def asked(self) -> Mapping[str, Any]:
        """The request that it goes back to, so far as that is known."""
        return (self.job.asked or {}) if self.job is not None else {}


def create_custom_model(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Look at the model's files, and start the job that brings them; the model is being created until it is done."""
    if (there := asked_before(context, given, arns.CUSTOM_MODEL)) is not None:
        return {"modelArn": _imported_arn(context, there.id)}
    tags = tags_of(given, "modelTags")
    job = start_import(
        context, given, arns.CUSTOM_MODEL, model=given["modelName"], source=_model_source(given), name=None
    )
    set_tags(context, arns.CUSTOM_MODEL, job.id, tags)
    return {"modelArn": _imported_arn(context, job.id)}


def get_custom_model(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Everything about a custom model."""
    found = _find(context, given["modelIdentifier"])
    told: dict[str, Any] = {"customizationType": _customization_type(found)}
    if found.imported:
        told["modelKmsKeyArn"] = key_arn(found.asked, "modelKmsKeyArn")
        told["failureMessage"] = failure_of(found.job) if found.job is not None else None
    elif found.job is not None and found.model is not None and found.model.lineage is not None:
        curve = found.model.lineage.curve
        told = {
            **described(found.job, curve),
            "jobName": found.job.name,
            "jobArn": job_arn(context, found.job),
            "modelKmsKeyArn": key_arn(found.asked, "customModelKmsKeyId"),
        }
    return {
        "modelArn": _arn(context, found),
        "modelName": found.name,
        "baseModelArn": _base_arn(context, found),
        "creationTime": found.created,
        "modelStatus": found.status,
        **told,
    }


def list_custom_models(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The custom models that the filters let through, a part at a time."""
    if given.get("isOwned") is False:
        return {"modelSummaries": []}
    name, status = given.get("nameContains", "").lower(), given.get("modelStatus")
    shown = [
        found for found in _all(context) if name in found.name.lower() and (status is None or found.status == status)
    ]
    summaries = [(found, _summary(context, found)) for found in shown]
    for member in ("baseModelArnEquals", "foundationModelArnEquals"):
        if member in given:
            wanted = arns.parse(given[member]).resource
            summaries = [pair for pair in summaries if arns.parse(pair[1]["baseModelArn"]).resource == wanted]
    page, token = part(summaries, given, lambda pair: pair[0].created, lambda pair: pair[0].id)
    return {"modelSummaries": [summary for _, summary in page], "nextToken": token}


def delete_custom_model(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Forget a custom model, or one that could not be created, and its tags."""
    found = _find(context, given["modelIdentifier"])
    if found.status == "Creating":
        raise IllegalMove(f"{found.name} is being created; wait until it is Active or Failed")
    if found.model is not None:
        context.outcrop.models.remove(found.model.name)
    else:
        context.outcrop.jobs.delete(found.id)
    context.outcrop.services.catalog.remove_tags(f"{arns.CUSTOM_MODEL}/{found.id}")
    return {}


def is_custom(context: Context, model: Model) -> bool:
    """Whether Bedrock would call it a custom model: it was made from another, or brought by CreateCustomModel."""
    return model.lineage is not None or (
        model.imported is not None and model_kind(bringer(context, model)) == arns.CUSTOM_MODEL
    )


def custom_model_arn(context: Context, model: Model) -> str:
    """The ARN by which GetCustomModel shows a model; of an imported model, one by which it is found too."""
    found = _custom(context, model)
    return _imported_arn(context, str(model.imported)) if found is None else _arn(context, found)


def maker(context: Context, model: Model) -> Job | None:
    """The job that trained a model; None where it is forgotten."""
    try:
        job = context.outcrop.jobs.show(id_of(model) or "")
    except NotFound:
        return None
    return job if job.kind is JobKind.CUSTOMIZATION else None


def _model_source(given: Mapping[str, Any]) -> Mapping[str, Any]:
    if "modelSourceConfig" not in given or "customModelDataSource" in given:
        raise WireError(
            "ValidationException",
            "modelSourceConfig with an s3DataSource is needed, and no customModelDataSource: there are no model "
            "packages of SageMaker here",
        )
    source: Mapping[str, Any] = given["modelSourceConfig"]
    return source


def _all(context: Context) -> list[_Custom]:
    # The jobs first: a model that is added meanwhile is then seen as one or the other, not as neither.
    coming = {job.id: _coming(job) for job in import_jobs(context, arns.CUSTOM_MODEL, UNFINISHED)}
    there = {found.id: found for model in context.outcrop.models.list() if (found := _custom(context, model))}
    return list({**coming, **there}.values())


def _coming(job: Job) -> _Custom:
    """What an import job is to bring, or could not."""
    status = "Failed" if job.status in ENDED else "Creating"
    return _Custom(job.id, str(job.request["model"]), job.created, status, None, job)


def _custom(context: Context, model: Model) -> _Custom | None:
    """A model as a custom one; None where it is none."""
    if not is_custom(context, model):
        return None
    job = maker(context, model) if model.lineage is not None else bringer(context, model)
    # The moment must not change when a model that is being created is there.
    created = job.created if job is not None and model.lineage is None else model.created
    return _Custom(str(id_of(model)), model.name, created, "Active", model, job)


def _find(context: Context, identifier: str) -> _Custom:
    coming = _find_coming(context, identifier)
    try:
        found = _custom(context, find_model(context, identifier)) or coming
    except WireError as error:
        if coming is None or error.code != "ResourceNotFoundException":
            raise
        return coming
    if found is None:
        raise WireError("ResourceNotFoundException", f"{identifier[:200]!r} is no custom model but another one")
    return found


def _find_coming(context: Context, identifier: str) -> _Custom | None:
    """The newest custom model of an ARN or a name that is being created, or could not be."""
    job_id = arns.parse(identifier).id if arns.is_arn(identifier) else None
    for job in import_jobs(context, arns.CUSTOM_MODEL, UNFINISHED):
        if job.id == job_id or (job_id is None and job.request["model"] == identifier):
            return _coming(job)
    return None


def _arn(context: Context, found: _Custom) -> str:
    return context.names.of(arns.CUSTOM_MODEL, _base_id(context, found), found.id)


def _imported_arn(context: Context, job_id: str) -> str:
    return context.names.of(arns.CUSTOM_MODEL, _IMPORTED, job_id)


def _base_arn(context: Context, found: _Custom) -> str:
    """The ARN of the foundation model that a model goes back to; one that was brought is its own base."""
    if found.imported:
        return _imported_arn(context, found.id)
    return context.names.of(arns.FOUNDATION_MODEL, _base_id(context, found))


def _base_id(context: Context, found: _Custom) -> str:
    if found.imported or found.model is None:
        return _IMPORTED
    asked = found.asked.get("foundationModelId")
    return str(asked) if asked is not None else foundation_id(context, found.model)


def _customization_type(found: _Custom) -> str:
    if found.imported:
        return "IMPORTED"
    return str(described(found.job, None)["customizationType"]) if found.job is not None else "FINE_TUNING"


def _summary(context: Context, found: _Custom) -> dict[str, Any]:
    arn = _base_arn(context, found)
    base = own_id(found.name) if found.imported else plain_id(arns.parse(arn).id)
    return {
        "modelArn": _arn(context, found),
        "modelName": found.name,
        "creationTime": found.created,
        "baseModelArn": arn,
        "baseModelName": (base or "")[:_LONGEST_BASE_NAME],
        "customizationType": _customization_type(found),
        "ownerAccountId": context.names.account,
        "modelStatus": found.status,
    }
