"""From a request's parts to a response's: route, read, call, write, and every error by its code."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from outcrop.app import Outcrop
from outcrop.server.bedrock.arns import Names
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.operations import handlers
from outcrop.server.bedrock.reading import Received, read
from outcrop.server.bedrock.routes import Routes
from outcrop.server.bedrock.service import Operation, operations
from outcrop.server.bedrock.writing import write
from outcrop.server.errors import WireError, told


@dataclass(frozen=True)
class Reply:
    """A response's parts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Bedrock:
    """Bedrock's control plane over one home folder."""

    def __init__(self, outcrop: Outcrop) -> None:
        self._outcrop = outcrop
        self._routes = Routes(operations().values())
        self._handlers = handlers()

    def find(self, method: str, raw_path: str) -> tuple[Operation, dict[str, str]]:
        """The operation that a request means, and its path's labels.

        Raises:
            WireError: UnknownOperationException: there is none, or it is not implemented here.
        """
        found = self._routes.find(method, raw_path)
        if found is None:
            raise WireError("UnknownOperationException", f"{method} {raw_path[:200]} is no operation of Bedrock")
        if found[0].name not in self._handlers:
            raise WireError(
                "UnknownOperationException",
                f"{found[0].name} is not implemented by this version of Outcrop; "
                "GET /outcrop/v1/operations lists what is",
            )
        return found

    def reply(self, operation: Operation, received: Received, region: str) -> Reply:
        """What a request gets; it does not raise."""
        context = Context(self._outcrop, Names(region, self._outcrop.services.settings.account))
        try:
            result = self._handlers[operation.name](context, read(operation, received))
            return Reply(operation.status, _headers(), write(operation, result))
        except Exception as error:  # noqa: BLE001 - one request's trouble must not be another's
            return error_reply(told(error, operation.name))


def error_reply(error: WireError) -> Reply:
    """An error as Bedrock's clients read it."""
    body = json.dumps({"message": error.message, **error.fields}, ensure_ascii=False).encode()
    return Reply(error.status, {**_headers(), "x-amzn-ErrorType": error.code}, body)


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid.uuid4())}
