"""From a request to one of OpenAI's paths to its answer, every error in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from outcrop.app import Outcrop
from outcrop.server.api.dispatch import require_text
from outcrop.server.auth.request import Request
from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.reading import read_document
from outcrop.server.bedrock.routes import Routes
from outcrop.server.bedrock.targets import find_target
from outcrop.server.errors import WireError
from outcrop.server.model_requests import ModelRequest
from outcrop.server.openai.errors import refusal
from outcrop.server.openai.framing import OpenAIFraming
from outcrop.server.openai.replies import reply
from outcrop.server.openai.routes import PREFIXES, ROUTES, Call, DocumentRoute, Route, TextRoute
from outcrop.serving.serving import Serving


class OpenAIPaths:
    """OpenAI's paths over one home folder; what a model is to write is only read here."""

    def __init__(self, outcrop: Outcrop, serving: Serving) -> None:
        self._outcrop = outcrop
        self._serving = serving
        self._routes = Routes(ROUTES)

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """The route that a request means, and what its path says for the labels; None where there is none."""
        return self._routes.find(method, raw_path)

    def unknown(self, method: str, raw_path: str) -> Response:
        """What a request gets that means no route."""
        if methods := self._routes.methods(raw_path):
            allowed = ", ".join(methods)
            text = f"{raw_path[:200]} takes {allowed}, not {method}"
            return refusal(WireError("UnknownOperationException", text, 405), "routes", {"Allow": allowed})
        known = ", ".join(
            f"{route.method} {route.address}" for route in ROUTES if route.address.startswith(PREFIXES[0])
        )
        text = f"there is no {method} {raw_path[:200]}; there are {known}"
        return refusal(WireError("UnknownOperationException", text), "routes")

    def respond(self, route: DocumentRoute, labels: Mapping[str, str], request: Request, region: str) -> Response:
        """What a request gets that is answered at once; it does not raise."""
        context = Context.of(self._outcrop, self._serving, region)
        try:
            require_text(labels)
            return reply(route.answer(Call(context, labels, request.body)))
        except Exception as error:  # noqa: BLE001 - one request's trouble must not be another's
            return refusal(error, route.name)

    def prepare(self, route: TextRoute, request: Request, region: str) -> ModelRequest | Response:
        """What a model is to write, or why it can't; it does not raise."""
        context = Context.of(self._outcrop, self._serving, region)
        try:
            body = read_document(request.body)
            asked = route.read(body)
            target = find_target(context, asked.model)
        except Exception as error:  # noqa: BLE001 - one request's trouble must not be another's
            return refusal(error, route.name)
        return ModelRequest(
            operation=route.name,
            asked=asked.model,
            target=target,
            body=body,
            inference=asked.inference,
            writer=asked.writer,
            framing=OpenAIFraming(route.name),
            stream=asked.stream,
        )
