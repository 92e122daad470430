"""The server as an ASGI application: Bedrock's operations, OpenAI's paths and our own, behind one door."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outcrop.app import Outcrop
from outcrop.server.admission import Admission, Limits, raw_path
from outcrop.server.answer import ModelAnswer
from outcrop.server.api.dispatch import OwnPaths
from outcrop.server.api.route import PREFIX
from outcrop.server.auth.doorkeeper import Caller, Door
from outcrop.server.auth.limits import RateLimits
from outcrop.server.auth.request import Request
from outcrop.server.bedrock.dispatch import Bedrock
from outcrop.server.bedrock.reading import Received
from outcrop.server.bedrock.replies import Reply, error_reply
from outcrop.server.counters import UNKNOWN, Counters
from outcrop.server.errors import WireError, told
from outcrop.server.model_requests import ModelRequest
from outcrop.server.openai.dispatch import OpenAIPaths
from outcrop.server.openai.errors import refusal as openai_refusal
from outcrop.server.openai.routes import PREFIXES, TextRoute
from outcrop.server.recording import Recording
from outcrop.serving.capture import Capture
from outcrop.serving.serving import Serving

#: What may take seconds, such as checking datasets or reading large bodies; so many at once, so that reads never wait.
_SLOW_AT_ONCE = 4
#: Threads take turns at Python's lock: with 32 at once a sixth fewer requests are answered than with 8.
_QUICK_AT_ONCE = 8
#: To ask a model takes no time, but for the first request, which starts a process.
_ASKED_AT_ONCE = 4
#: What waits in a thread until a model has counted or embedded.
_AWAITED_AT_ONCE = 16
#: Records are written one after the other: a disk that is slow makes requests wait that are answered, and no others.
_KEPT_AT_ONCE = 1
#: Operations that wait for a model in their thread, some of them only now and then.
_AWAITING = ("CountTokens", "InvokeModel")
#: Bytes of a body from which on reading it takes noticeable time.
_LARGE = 2**18

#: A document, or what a model is to be asked for it.
Found = Response | ModelRequest


@dataclass(frozen=True)
class _Matched:
    """What a request means.

    Attributes:
        name: Of the operation or path.
        respond: Answers it, in a thread.
        refuse: Words an error of the door.
        slow: Whether that may take long.
        asks: Whether it waits for a model, in its thread.
        open: Whether it needs no key.
    """

    name: str
    respond: Callable[[Request, Caller], Found]
    refuse: Callable[[Exception], Response]
    slow: bool = False
    asks: bool = False
    open: bool = False


class Server:
    """Bedrock's API, OpenAI's paths and our own over one home folder."""

    def __init__(
        self,
        outcrop: Outcrop,
        serving: Serving,
        door: Door,
        rates: RateLimits,
        limits: Limits,
        capture: Capture | None = None,
    ) -> None:
        self._counters = Counters()
        self._admission = Admission(door, rates, limits)
        self._serving = serving
        self._capture = capture
        self._bedrock = Bedrock(outcrop, serving)
        self._openai = OpenAIPaths(outcrop, serving)
        self.own = OwnPaths(outcrop, serving, self._counters)
        self._slow = CapacityLimiter(_SLOW_AT_ONCE)
        self._quick = CapacityLimiter(_QUICK_AT_ONCE)
        self._asked = CapacityLimiter(_ASKED_AT_ONCE)
        self._awaited = CapacityLimiter(_AWAITED_AT_ONCE)
        self._kept = CapacityLimiter(_KEPT_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and count it by when its answer begins."""
        began = time.perf_counter()
        matched = self._match(scope["method"], raw_path(scope))

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counters.add(matched.name, message["status"], time.perf_counter() - began)
            await send(message)

        found = await self._found(matched, scope, receive)
        if isinstance(found, ModelRequest):
            try:
                await ModelAnswer(self._serving, found, began, self._asked)(scope, receive, counted)
            finally:
                if isinstance(found.framing, Recording):
                    await to_thread.run_sync(found.framing.keep, limiter=self._kept)
        else:
            await found(scope, receive, counted)

    async def _found(self, matched: _Matched, scope: Scope, receive: Receive) -> Found:
        if matched.open:
            request = Request(scope["method"], raw_path(scope), "", (), b"")
            return await to_thread.run_sync(matched.respond, request, Caller("", ""), limiter=self._quick)
        try:
            request = await self._admission.received(scope, receive)
        except WireError as error:
            return matched.refuse(error)
        # One thread for the key and the answer: to hand a request on takes longer than either.
        found = await to_thread.run_sync(self._admitted, matched, request, limiter=self._quick)
        if isinstance(found, Caller):
            limiter = self._awaited if matched.asks else self._slow
            return await to_thread.run_sync(self._respond, matched, request, found, limiter=limiter)
        return found

    def _admitted(self, matched: _Matched, request: Request) -> Found | Caller:
        """The answer to a request; of one that takes long, who makes it, so that it is answered elsewhere."""
        try:
            caller = self._admission.admit(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody comes in, and is told so
            return matched.refuse(error)
        slow = matched.slow or matched.asks or len(request.body) > _LARGE
        return caller if slow else self._respond(matched, request, caller)

    def _respond(self, matched: _Matched, request: Request, caller: Caller) -> Found:
        """The answer; what a model is to be asked is recorded where that is wanted, which the catalog says."""
        found = matched.respond(request, caller)
        if self._capture is None or not isinstance(found, ModelRequest):
            return found
        delivery = self._capture.delivery(caller.region)
        if delivery is None:
            return found
        return replace(found, framing=Recording(self._capture, delivery, found, caller))

    def _match(self, method: str, path: str) -> _Matched:
        if path.startswith(PREFIX):
            return self._match_own(method, path)
        if path.startswith(PREFIXES):
            return self._match_openai(method, path)
        try:
            operation, labels = self._bedrock.find(method, path)
        except WireError as error:
            refusal = _refused(error)
            return _Matched(UNKNOWN, lambda _request, _caller: refusal, _refused)

        def respond(request: Request, caller: Caller) -> Found:
            headers = {name: values[0] for name, values in request.by_name.items()}
            received = Received(labels, request.query, headers, request.body)
            reply = self._bedrock.reply(operation, received, caller.region)
            return reply if isinstance(reply, ModelRequest) else _response(reply)

        slow, asks = operation.name.startswith("Create"), operation.name in _AWAITING
        return _Matched(operation.name, respond, _refused, slow=slow, asks=asks)

    def _match_own(self, method: str, path: str) -> _Matched:
        found = self.own.find(method, path)
        if found is None:
            return _Matched(UNKNOWN, lambda _request, _caller: self.own.unknown(method, path), _refused)
        route, labels = found
        return _Matched(
            route.name,
            lambda request, caller: self.own.respond(route, labels, request, caller.region),
            _refused,
            slow=route.slow,
            open=route.open,
        )

    def _match_openai(self, method: str, path: str) -> _Matched:
        found = self._openai.find(method, path)
        if found is None:
            refuse = partial(openai_refusal, name=UNKNOWN)
            return _Matched(UNKNOWN, lambda _request, _caller: self._openai.unknown(method, path), refuse)
        route, labels = found

        def respond(request: Request, caller: Caller) -> Found:
            if isinstance(route, TextRoute):
                return self._openai.prepare(route, request, caller.region)
            return self._openai.respond(route, labels, request, caller.region)

        asks = not isinstance(route, TextRoute) and route.asks
        return _Matched(route.name, respond, partial(openai_refusal, name=route.name), asks=asks)


def _refused(error: Exception) -> Response:
    """An error of the door, as Bedrock's clients read it."""
    return _response(error_reply(told(error, "the door")))


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers))


def application(server: Server) -> ASGIApp:
    """The whole server, for whatever speaks ASGI; anything but HTTP is left unanswered."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await server(scope, receive, send)

    return app
