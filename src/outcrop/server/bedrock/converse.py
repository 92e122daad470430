"""Converse, whole and as a stream: one wording for every model."""

from __future__ import annotations

from typing import Any

from outcrop.dialects.choosing import usual_of
from outcrop.dialects.converse import Converse
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.framing import ConverseFraming
from outcrop.server.bedrock.targets import find_target
from outcrop.server.model_requests import ModelRequest


def converse(context: Context, given: dict[str, Any]) -> ModelRequest:
    """Ask a model, and have the whole answer."""
    return _asked(context, given, "Converse", stream=False)


def converse_stream(context: Context, given: dict[str, Any]) -> ModelRequest:
    """Ask a model, and have the answer as it is written."""
    return _asked(context, given, "ConverseStream", stream=True)


def _asked(context: Context, given: dict[str, Any], operation: str, *, stream: bool) -> ModelRequest:
    target = find_target(context, given["modelId"])
    wording = Converse(usual_of(target.family))
    body = {name: value for name, value in given.items() if name != "modelId"}
    return ModelRequest(
        operation=operation,
        asked=given["modelId"],
        target=target,
        body=body,
        inference=wording.read(body),
        writer=wording.writer(body, given["modelId"]),
        framing=ConverseFraming(operation),
        stream=stream,
        metadata=given.get("requestMetadata", {}),
    )
