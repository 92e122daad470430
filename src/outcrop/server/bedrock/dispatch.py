"""From a request's parts to a response's: route, read, call, write, and every error by its code."""

from __future__ import annotations

from outcrop.app import Outcrop
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.operations import handlers
from outcrop.server.bedrock.reading import Received, read
from outcrop.server.bedrock.replies import Reply, error_reply, headers
from outcrop.server.bedrock.routes import Routes
from outcrop.server.bedrock.service import Operation, operations
from outcrop.server.bedrock.writing import write
from outcrop.server.errors import WireError, told
from outcrop.server.model_requests import ModelRequest
from outcrop.serving.serving import Serving


class Bedrock:
    """Bedrock's operations over one home folder."""

    def __init__(self, outcrop: Outcrop, serving: Serving) -> None:
        self._outcrop = outcrop
        self._serving = serving
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

    def reply(self, operation: Operation, received: Received, region: str) -> Reply | ModelRequest:
        """What a request gets, or what a model is to be asked for it; it does not raise."""
        context = Context.of(self._outcrop, self._serving, region)
        try:
            result = self._handlers[operation.name](context, read(operation, received))
            if isinstance(result, ModelRequest | Reply):
                return result
            return Reply(operation.status, headers(), write(operation, result))
        except Exception as error:  # noqa: BLE001 - one request's trouble must not be another's
            return error_reply(told(error, operation.name))
