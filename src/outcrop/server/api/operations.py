"""Which of Bedrock's operations are here."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from outcrop.server.api.answers import document
from outcrop.server.api.route import Call
from outcrop.server.bedrock.operations import handlers
from outcrop.server.bedrock.service import operations


@dataclass(frozen=True)
class BedrockOperation:
    """An operation of Bedrock's control plane or runtime, with its method and path."""

    name: str
    method: str
    path: str
    implemented: bool


@dataclass(frozen=True)
class BedrockOperations:
    """All of them, as the installed botocore knows them, by name."""

    operations: tuple[BedrockOperation, ...]


def bedrock_operations() -> BedrockOperations:
    """Every operation, and whether it is implemented."""
    here = handlers()
    return BedrockOperations(
        tuple(
            BedrockOperation(name, each.method, f"/{'/'.join(each.path)}", name in here)
            for name, each in sorted(operations().items())
        )
    )


def list_operations(_: Call) -> Response:
    """Which are implemented."""
    return document(bedrock_operations())
