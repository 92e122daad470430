"""``GET /v1/models``: every name under which a model answers."""

from __future__ import annotations

from typing import Any

from outcrop.domain.models import Model
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.model_names import find_model

OWNER = "outcrop"


def list_models(context: Context) -> dict[str, Any]:
    """All models by name, each followed by its aliases."""
    names: dict[str, list[str]] = {}
    for alias, model in sorted(context.outcrop.models.aliases().items()):
        names.setdefault(model, []).append(alias)
    data = [
        _object(name, model)
        for model in context.outcrop.models.list()
        for name in (model.name, *names.get(model.name, ()))
    ]
    return {"object": "list", "data": data}


def retrieve_model(context: Context, name: str) -> dict[str, Any]:
    """The model that a name, an alias, one of Bedrock's ids or an ARN means, under the name that it was asked by.

    Raises:
        WireError: ResourceNotFoundException: there is none; ValidationException: the ARN is of something else.
    """
    return _object(name, find_model(context, name))


def _object(name: str, model: Model) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(model.created), "owned_by": OWNER}
