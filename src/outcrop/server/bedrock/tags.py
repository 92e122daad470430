"""Tags of jobs and models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.domain.errors import NotFound, TooManyTags
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.errors import WireError
from outcrop.server.bedrock.model_names import made_by

#: Of one resource, as the service model says.
MOST = 200

_JOBS = (arns.CUSTOMIZATION_JOB, arns.EVALUATION_JOB, arns.IMPORT_JOB)
_MODELS = (arns.CUSTOM_MODEL, arns.IMPORTED_MODEL)


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
    try:
        if arn.kind in _JOBS and context.outcrop.jobs.show(arn.id).id == arn.id:
            return arn.resource
        if arn.kind in _MODELS:
            made_by(context, arn.id)
            return arn.resource
    except NotFound:
        pass
    raise WireError("ResourceNotFoundException", f"there is no resource {text[:300]!r} that can have tags")
