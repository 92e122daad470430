"""The server as an ASGI application: Bedrock's operations and our own paths, behind one door."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outcrop.app import Outcrop
from outcrop.server.admission import Admission, Limits, raw_path
from outcrop.server.api.dispatch import OwnPaths
from outcrop.server.api.route import PREFIX
from outcrop.server.auth.doorkeeper import Caller, Door
from outcrop.server.auth.limits import RateLimits
from outcrop.server.auth.request import Request
from outcrop.server.bedrock.dispatch import Bedrock, Reply, error_reply
from outcrop.server.bedrock.reading import Received
from outcrop.server.counters import UNKNOWN, Counters
from outcrop.server.errors import WireError, told

#: Operations that check datasets may take minutes; so many at once, so that reading never waits for them.
_SLOW_AT_ONCE = 4
#: Threads take turns at Python's lock: with 32 at once a sixth fewer requests are answered than with 8.
_QUICK_AT_ONCE = 8


@dataclass(frozen=True)
class _Matched:
    """What a request means: its name, how it is answered, whether that may take long, and whether it needs no key."""

    name: str
    respond: Callable[[Request, Caller], Response]
    slow: bool = False
    open: bool = False


class Server:
    """Bedrock's API and our own paths over one home folder."""

    def __init__(self, outcrop: Outcrop, door: Door, rates: RateLimits, limits: Limits) -> None:
        self._counters = Counters()
        self._admission = Admission(door, rates, limits)
        self._bedrock = Bedrock(outcrop)
        self.own = OwnPaths(outcrop, self._counters)
        self._slow = CapacityLimiter(_SLOW_AT_ONCE)
        self._quick = CapacityLimiter(_QUICK_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and count it by when its answer begins."""
        began = time.perf_counter()
        matched = self._match(scope["method"], raw_path(scope))

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counters.add(matched.name, message["status"], time.perf_counter() - began)
            await send(message)

        response = await self._response(matched, scope, receive)
        await response(scope, receive, counted)

    async def _response(self, matched: _Matched, scope: Scope, receive: Receive) -> Response:
        if matched.open:
            request = Request(scope["method"], raw_path(scope), "", (), b"")
            return await to_thread.run_sync(matched.respond, request, Caller("", ""), limiter=self._quick)
        try:
            request = await self._admission.received(scope, receive)
        except WireError as error:
            return _response(error_reply(error))
        # One thread for the key and the answer: to hand a request on takes longer than either.
        found = await to_thread.run_sync(self._admitted, matched, request, limiter=self._quick)
        if isinstance(found, Response):
            return found
        return await to_thread.run_sync(matched.respond, request, found, limiter=self._slow)

    def _admitted(self, matched: _Matched, request: Request) -> Response | Caller:
        """The answer to a request; of one that takes long, who makes it, so that it is answered elsewhere."""
        try:
            caller = self._admission.admit(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody comes in, and is told so
            return _response(error_reply(told(error, "the door")))
        return caller if matched.slow else matched.respond(request, caller)

    def _match(self, method: str, path: str) -> _Matched:
        if path.startswith(PREFIX):
            return self._match_own(method, path)
        try:
            operation, labels = self._bedrock.find(method, path)
        except WireError as error:
            refusal = error_reply(error)
            return _Matched(UNKNOWN, lambda _request, _caller: _response(refusal))

        def respond(request: Request, caller: Caller) -> Response:
            headers = {name: values[0] for name, values in request.by_name.items()}
            received = Received(labels, request.query, headers, request.body)
            return _response(self._bedrock.reply(operation, received, caller.region))

        return _Matched(operation.name, respond, slow=operation.name.startswith("Create"))

    def _match_own(self, method: str, path: str) -> _Matched:
        found = self.own.find(method, path)
        if found is None:
            return _Matched(UNKNOWN, lambda _request, _caller: self.own.unknown(method, path))
        route, labels = found
        return _Matched(
            route.name,
            lambda request, caller: self.own.respond(route, labels, request, caller.region),
            slow=route.slow,
            open=route.open,
        )


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers))


def application(server: Server) -> ASGIApp:
    """The whole server, for whatever speaks ASGI; anything but HTTP is left unanswered."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await server(scope, receive, send)

    return app
