"""From a request to one of our paths to its answer, every error by its code."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from threading import BoundedSemaphore, Event

from starlette.responses import Response

from outcrop.app import Outcrop
from outcrop.server.api.query import read_query
from outcrop.server.api.route import PREFIX, Call, Route, Shared
from outcrop.server.api.routes import ROUTES
from outcrop.server.auth.request import Request
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.replies import error_reply
from outcrop.server.bedrock.routes import Routes
from outcrop.server.counters import Counters
from outcrop.server.errors import WireError, told
from outcrop.serving.serving import Serving

#: An export takes the disk of a model, and the memory of two.
_EXPORTS = 2
_FOLLOWERS = 64

#: Bedrock answers a conflict with 400, as its clients expect; ours may have the status that means one.
_CONFLICT = 409


class OwnPaths:
    """Our own paths over one home folder."""

    def __init__(self, outcrop: Outcrop, serving: Serving, counters: Counters) -> None:
        self._outcrop = outcrop
        self._serving = serving
        self._routes = Routes(ROUTES)
        self.shared = Shared(counters, ROUTES, BoundedSemaphore(_EXPORTS), BoundedSemaphore(_FOLLOWERS), Event())

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """The route that a request means, and what its path says for the labels; None where there is none."""
        return self._routes.find(method, raw_path)

    def unknown(self, method: str, raw_path: str) -> Response:
        """What a request gets that means no route."""
        if methods := self._routes.methods(raw_path):
            allowed = ", ".join(methods)
            error = WireError("UnknownOperationException", f"{raw_path[:200]} takes {allowed}, not {method}", 405)
            return _refusal(error, {"Allow": allowed})
        text = f"there is no {method} {raw_path[:200]}; GET {PREFIX}openapi.json lists what there is"
        return _refusal(WireError("UnknownOperationException", text))

    def respond(self, route: Route, labels: Mapping[str, str], request: Request, region: str) -> Response:
        """What a request gets; it does not raise."""
        context = Context.of(self._outcrop, self._serving, region)
        try:
            require_text(labels)
            query = read_query(route.parameters, request.query)
            headers = {name: values[0] for name, values in request.by_name.items()}
            response = route.answer(Call(context, labels, query, headers, self.shared))
        except Exception as error:  # noqa: BLE001 - one request's trouble must not be another's
            return _refusal(told(error, route.name))
        response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def require_text(labels: Mapping[str, str]) -> None:
    """Make sure that names in a path are texts.

    Raises:
        WireError: ValidationException: one has a control character, which no catalog has in a name.
    """
    for name, value in labels.items():
        if any(sign < " " for sign in value):
            raise WireError("ValidationException", f"{name} has a control character: {value[:100]!r}")


def _refusal(error: WireError, headers: Mapping[str, str] | None = None) -> Response:
    reply = error_reply(error)
    status = _CONFLICT if error.code == "ConflictException" else reply.status
    return Response(reply.body, status, {**reply.headers, **(headers or {})})
