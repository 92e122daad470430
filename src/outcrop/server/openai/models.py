"""``GET /v1/models``: every name under which a model answers."""

from __future__ import annotations

from typing import Any

from outcrop.domain.deployments import DeploymentStatus
from outcrop.domain.models import Model
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.targets import find_target

OWNER = "outcrop"

_ANSWER = (DeploymentStatus.READY, DeploymentStatus.UPDATING)


def list_models(context: Context) -> dict[str, Any]:
    """All models by name, each followed by its aliases; then the deployments that answer."""
    names: dict[str, list[str]] = {}
    for alias, model in sorted(context.outcrop.models.aliases().items()):
        names.setdefault(model, []).append(alias)
    data = [
        _object(name, model)
        for model in context.outcrop.models.list()
        for name in (model.name, *names.get(model.name, ()))
    ]
    taken = {each["id"] for each in data}
    deployed = [
        _named(deployment.name, deployment.created)
        for deployment in context.outcrop.deployments.list()
        if deployment.status in _ANSWER and deployment.name not in taken
    ]
    return {"object": "list", "data": [*data, *deployed]}


def retrieve_model(context: Context, name: str) -> dict[str, Any]:
    """What a name, an alias, one of Bedrock's ids or an ARN means, under the name that it was asked by.

    Raises:
        WireError: As ``find_target``.
    """
    return _object(name, find_target(context, name).model)


def _object(name: str, model: Model) -> dict[str, Any]:
    return _named(name, model.created)


def _named(name: str, created: float) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(created), "owned_by": OWNER}
