"""Our paths as an OpenAPI 3.1 document, from the table of the routes and the types that they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from starlette.responses import Response

from outcrop import __version__
from outcrop.server.api.answers import document
from outcrop.server.api.query import adapter
from outcrop.server.api.route import JSON, Call, Parameter, Route

_LABELS = {
    "job": "The job's id, name or ARN, percent-encoded.",
    "model": "The model's name, alias, id or ARN, percent-encoded.",
}

_REFERENCE = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Error:
    """Why a request was refused; the header ``x-amzn-ErrorType`` has the code."""

    message: str


def get_openapi(call: Call) -> Response:
    """The document."""
    return document(openapi(call.shared.routes))


def openapi(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document of some routes."""
    given = [kind for route in routes for kind in route.gives.values() if kind is not None]
    inputs: list[Any] = [(kind, "serialization", TypeAdapter(kind)) for kind in dict.fromkeys([*given, Error])]
    inputs += [(each, "validation", adapter(each)) for route in routes for each in route.parameters]
    found, shared = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE)
    schemas = {kind: schema for (kind, _), schema in found.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.address, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Outcrop",
            "version": __version__,
            "description": "What stands beside Bedrock's API: scores, comparisons, losses, logs and weights. A number "
            "that is not finite is null.",
        },
        "security": [{"bearer": []}, {"signature": []}],
        "paths": paths,
        "components": {
            "schemas": shared.get("$defs", {}),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4, for the service bedrock.",
                },
            },
        },
    }


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    labels = [part[1:-1] for part in route.path if part.startswith("{")]
    content = {media: {"schema": schemas.get(kind, {"type": "string"})} for media, kind in route.gives.items()}
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.about,
        "parameters": [*map(_label, labels), *(_parameter(each, schemas[each]) for each in route.parameters)],
        "responses": {
            "200": {"description": "What was asked for.", "content": content},
            "default": {"description": "Why not.", "content": {JSON: {"schema": schemas[Error]}}},
        },
    }
    return {**found, "security": []} if route.open else found


def _label(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _LABELS[name],
        "schema": {"type": "string"},
    }


def _parameter(parameter: Parameter, schema: dict[str, Any]) -> dict[str, Any]:
    default = {} if parameter.default in (None, ()) else {"default": parameter.default}
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.about,
        "schema": {**schema, **default},
    }
