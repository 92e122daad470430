"""InvokeModel, whole and as a stream: a body in the words of a family of models."""

from __future__ import annotations

import json
from typing import Any

from outcrop.dialects.choosing import dialect_of
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.embeddings import embedded, gives_vectors
from outcrop.server.bedrock.framing import InvokeFraming
from outcrop.server.bedrock.reading import read_value
from outcrop.server.bedrock.replies import Reply
from outcrop.server.bedrock.service import operations
from outcrop.server.bedrock.targets import find_target
from outcrop.server.errors import WireError
from outcrop.server.model_requests import ModelRequest, Target

_GUARDRAIL = "guardrails are not supported; leave guardrailIdentifier and guardrailVersion out"


def invoke_model(context: Context, given: dict[str, Any]) -> ModelRequest | Reply:
    """Ask a model, and have the whole answer; or vectors, of a model that gives them."""
    target = _target(context, given)
    if gives_vectors(target):
        return embedded(context, target, document(given.get("body")))
    return _asked(target, given, "InvokeModel", stream=False)


def invoke_model_with_response_stream(context: Context, given: dict[str, Any]) -> ModelRequest:
    """Ask a model, and have the answer as it is written."""
    return _asked(_target(context, given), given, "InvokeModelWithResponseStream", stream=True)


def document(body: bytes | None) -> Any:
    """A body as JSON.

    Raises:
        WireError: ValidationException: it is none.
    """
    try:
        return json.loads(body or b"")
    except (ValueError, RecursionError) as error:
        text = f"Malformed input request: the body is no JSON ({error})"
        raise WireError("ValidationException", text) from None


def _target(context: Context, given: dict[str, Any]) -> Target:
    if given.get("guardrailIdentifier") or given.get("guardrailVersion"):
        raise WireError("ValidationException", _GUARDRAIL)
    return find_target(context, given["modelId"])


def _asked(target: Target, given: dict[str, Any], operation: str, *, stream: bool) -> ModelRequest:
    body = document(given.get("body"))
    dialect = dialect_of(target.family, body)
    return ModelRequest(
        operation=operation,
        asked=given["modelId"],
        target=target,
        body=body,
        inference=dialect.read(body),
        writer=dialect.writer(body, given["modelId"]),
        framing=InvokeFraming(operation),
        stream=stream,
        metadata=_metadata(given.get("requestMetadata")),
    )


def _metadata(header: str | None) -> dict[str, str]:
    """What a header says that Converse says in a member, and that is checked as that one is.

    Raises:
        WireError: ValidationException: it is no JSON, or not of that shape.
    """
    if header is None:
        return {}
    try:
        given = json.loads(header)
    except (ValueError, RecursionError) as error:
        text = f"the header X-Amzn-Bedrock-Request-Metadata is no JSON ({error})"
        raise WireError("ValidationException", text) from None
    converse = operations()["Converse"].input
    assert converse is not None
    found: dict[str, str] = read_value(converse.members["requestMetadata"], given, "requestMetadata")
    return found
