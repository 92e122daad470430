"""The server as an ASGI application: limits, who may come in, Bedrock's operations and our own paths."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from outcrop.app import Outcrop
from outcrop.domain.errors import OutcropError
from outcrop.server.auth.doorkeeper import Caller, Door
from outcrop.server.auth.limits import RateLimits
from outcrop.server.auth.refused import Refused
from outcrop.server.auth.request import Request
from outcrop.server.bedrock.dispatch import Bedrock, Reply, error_reply
from outcrop.server.bedrock.errors import WireError, wire_error
from outcrop.server.bedrock.reading import Received

#: The largest body in bytes: what Bedrock lets InvokeModel have.
MOST_BYTES = 25_000_000

#: Operations that check datasets may take minutes; so many at once, so that reading never waits for them.
_SLOW_AT_ONCE = 4
_QUICK_AT_ONCE = 32


@dataclass(frozen=True)
class Limits:
    """What a client may do.

    Attributes:
        hosts: Names by which the server may be called, in lower case; a page of another site that a browser was sent
            to under a name of its own is refused. Empty for any.
        body: Bytes of a body.
        patience: Seconds for a body to come in.
    """

    hosts: frozenset[str] = frozenset()
    body: int = MOST_BYTES
    patience: float = 30.0


class Server:
    """Bedrock's API over one home folder."""

    def __init__(self, outcrop: Outcrop, door: Door, rates: RateLimits, limits: Limits) -> None:
        self._bedrock = Bedrock(outcrop)
        self._door = door
        self._rates = rates
        self._limits = limits
        self._slow = CapacityLimiter(_SLOW_AT_ONCE)
        self._quick = CapacityLimiter(_QUICK_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        reply = await self._reply(scope, receive)
        response = Response(reply.body, reply.status, dict(reply.headers))
        await response(scope, receive, send)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        try:
            request = await self._request(scope, receive)
            caller = await to_thread.run_sync(self._door.admit, request, limiter=self._quick)
            self._require_turn(caller)
            operation, labels = self._bedrock.find(request.method, request.path)
        except Refused as error:
            return error_reply(WireError(error.code, error.message, error.status))
        except WireError as error:
            return error_reply(error)
        except OutcropError as error:
            return error_reply(wire_error(error))
        received = Received(labels, request.query, _first(request.by_name), request.body)
        limiter = self._slow if operation.name.startswith("Create") else self._quick
        return await to_thread.run_sync(self._bedrock.reply, operation, received, caller.region, limiter=limiter)

    def _require_turn(self, caller: Caller) -> None:
        wait = self._rates.take(caller.key_id)
        if wait:
            raise WireError(
                "ThrottlingException",
                f"Too many requests, please wait {math.ceil(wait * 1000)} ms before trying again.",
            )

    async def _request(self, scope: Scope, receive: Receive) -> Request:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope["query_string"]
        require_host(headers, self._limits.hosts)
        body = await read_body(receive, self._limits, headers)
        return Request(scope["method"], raw.decode("latin-1"), query.decode("latin-1"), headers, body)


def _first(by_name: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: values[0] for name, values in by_name.items()}


def require_host(headers: Collection[tuple[str, str]], hosts: frozenset[str]) -> None:
    """Make sure that a request is meant for this server by its name.

    Raises:
        WireError: AccessDeniedException.
    """
    given = [value for name, value in headers if name.lower() == "host"]
    name = given[0].rpartition(":")[0] if given and given[0].rpartition(":")[2].isdigit() else "".join(given)
    if hosts and name.lower() not in hosts:
        raise WireError("AccessDeniedException", f"this server is not called {name[:100]!r}; --allow-host adds a name")


async def read_body(receive: Receive, limits: Limits, headers: Collection[tuple[str, str]]) -> bytes:
    """A request's body.

    Raises:
        WireError: It is too large, or does not come in time.
    """
    announced = [value for name, value in headers if name.lower() == "content-length"]
    if announced and announced[0].isdigit() and int(announced[0]) > limits.body:
        raise _too_large(limits)
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.patience):
            while True:
                message: Message = await receive()
                if message["type"] == "http.disconnect":
                    raise WireError("RequestTimeoutException", "the client left before it had sent its request")
                part: bytes = message.get("body", b"")
                parts.append(part)
                size += len(part)
                if size > limits.body:
                    raise _too_large(limits)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise WireError(
            "RequestTimeoutException", f"the body did not come in within {limits.patience:g} seconds"
        ) from None


def _too_large(limits: Limits) -> WireError:
    return WireError("RequestEntityTooLargeException", f"a body may have {limits.body:,} bytes at most")


def application(server: Server) -> Any:
    """The whole server: our own paths, and everything else to Bedrock."""
    app = Starlette()
    app.mount("/", server)
    return app
