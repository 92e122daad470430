"""CountTokens: how many tokens a model would read."""

from __future__ import annotations

from typing import Any

from outcrop.dialects.choosing import dialect_of, usual_of
from outcrop.dialects.converse import Converse
from outcrop.dialects.protocol import Inference
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.invoke_model import document
from outcrop.server.bedrock.targets import find_target
from outcrop.server.model_requests import awaited


def count_tokens(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """The tokens of a request for InvokeModel or Converse, which is not answered."""
    target = find_target(context, given["modelId"])
    ((wording, asked),) = given["input"].items()
    inference = _invoked(target.family, asked) if wording == "invokeModel" else _conversed(target.family, asked)
    return {"inputTokens": awaited(context.serving.count(target.model, inference.prompt))}


def _invoked(family: str, asked: dict[str, Any]) -> Inference:
    body = document(asked["body"])
    return dialect_of(family, body).read(body)


def _conversed(family: str, asked: dict[str, Any]) -> Inference:
    return Converse(usual_of(family)).read(asked)
