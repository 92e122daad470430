"""Who and what may come in: the host's name, the page it comes from, the body's size and time, the key, the rate."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import Message, Receive, Scope

from outcrop.server.auth.doorkeeper import Caller, Door
from outcrop.server.auth.limits import RateLimits
from outcrop.server.auth.request import Request
from outcrop.server.errors import WireError

#: The largest body in bytes: what Bedrock lets InvokeModel have.
MOST_BYTES = 25_000_000


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


class Admission:
    """Lets requests in, to Bedrock's operations and to our own paths alike."""

    def __init__(self, door: Door, rates: RateLimits, limits: Limits) -> None:
        self._door = door
        self._rates = rates
        self._limits = limits

    async def received(self, scope: Scope, receive: Receive) -> Request:
        """A request, all of it.

        Raises:
            WireError: It is too large or too slow, or is not meant for this server.
        """
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        query: bytes = scope["query_string"]
        require_host(headers, self._limits.hosts)
        require_own_page(headers, self._limits.hosts)
        body = await read_body(receive, self._limits, headers)
        return Request(scope["method"], raw_path(scope), query.decode("latin-1"), headers, body)

    def admit(self, request: Request) -> Caller:
        """Who makes a request; it may ask the catalog.

        Raises:
            WireError: The key makes too many.
            Refused: It shows no key, or not one that holds.
            OutcropError: Keys can't be read.
        """
        caller = self._door.admit(request)
        if wait := self._rates.take(caller.key_id):
            text = f"Too many requests, please wait {math.ceil(wait * 1000)} ms before trying again."
            raise WireError("ThrottlingException", text)
        return caller


def raw_path(scope: Scope) -> str:
    """The path as it was sent, with its percent signs."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1")


def require_host(headers: Collection[tuple[str, str]], hosts: frozenset[str]) -> None:
    """Make sure that a request is meant for this server by its name.

    Raises:
        WireError: AccessDeniedException.
    """
    given = _values(headers, "host")
    name = given[0].rpartition(":")[0] if given and given[0].rpartition(":")[2].isdigit() else "".join(given)
    if hosts and name.lower() not in hosts:
        raise WireError("AccessDeniedException", f"this server is not called {name[:100]!r}; --allow-host adds a name")


def require_own_page(headers: Collection[tuple[str, str]], hosts: frozenset[str]) -> None:
    """Make sure that no page of another site has a browser ask: a server without keys would do what it says.

    Raises:
        WireError: AccessDeniedException.
    """
    for origin in _values(headers, "origin"):
        name = urlsplit(origin).hostname if origin.count("[") == origin.count("]") else None
        known = {name, f"[{name}]"} & hosts
        if hosts and not known:
            raise WireError(
                "AccessDeniedException", f"a page of {origin[:100]!r} may not ask this server; --allow-host adds a name"
            )


async def read_body(receive: Receive, limits: Limits, headers: Collection[tuple[str, str]]) -> bytes:
    """A request's body.

    Raises:
        WireError: It is too large, or does not come in time.
    """
    announced = _values(headers, "content-length")
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


def _values(headers: Collection[tuple[str, str]], wanted: str) -> list[str]:
    return [value for name, value in headers if name.lower() == wanted]


def _too_large(limits: Limits) -> WireError:
    return WireError("RequestEntityTooLargeException", f"a body may have {limits.body:,} bytes at most")
