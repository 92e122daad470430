"""JSON over HTTP: connections that are used again, a deadline for each exchange, bounded answers."""

from __future__ import annotations

import io
import json
import select
import socket
import ssl
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any, cast
from urllib.parse import urlsplit

from outcrop import __version__
from outcrop.domain.errors import RemoteRefusal
from outcrop.engines.remote.failures import PassingFailure, failure_of
from outcrop.engines.remote.proxies import proxy_for

#: Bytes of the largest answer: 32,000 tokens with their log-probabilities are a tenth of it.
MOST = 32 * 1024 * 1024

#: Bytes that are read of a failure.
_MOST_OF_FAILURE = 64 * 1024

_PIECE = 64 * 1024
_CONNECT = 10.0


class Server:
    """A server that takes JSON by POST; may be used by many threads at once.

    Redirections are never followed, so a key goes nowhere but to the address that was given.
    """

    def __init__(self, address: str, key: str, timeout: float) -> None:
        """Connect to nothing yet.

        Args:
            address: As ``address.normalised`` gives it.
            key: Sent as a bearer token; "" for none.
            timeout: Seconds for an exchange, from the connection to the last byte.

        Raises:
            InvalidInput: The environment names a proxy that is none.
        """
        parts = urlsplit(address)
        self.address = address
        self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path
        self._context = ssl.create_default_context() if parts.scheme == "https" else None
        self._proxy = proxy_for(parts.scheme, self._host)
        if self._proxy is not None and self._context is None:
            # Of plain HTTP the proxy is told the whole address; of HTTPS it sees the host alone.
            self._path = address
        self._key = key
        self._timeout = timeout
        self._idle: list[HTTPConnection] = []
        weakref.finalize(self, _close_all, self._idle)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON that the server answers with.

        Raises:
            PassingFailure, RemoteRefusal: See ``protocol.Client``.
        """
        with self._exchange(path, body) as response:
            data = _whole(response)
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise PassingFailure("the answer is no JSON", charged=True) from None

    def events(self, path: str, body: dict[str, Any]) -> Iterator[str]:
        """The data of each server-sent event, as it comes (WHATWG HTML, 9.2; ``data`` lines only).

        Raises:
            PassingFailure, RemoteRefusal: See ``protocol.Client``.
        """
        with self._exchange(path, body) as response:
            left = MOST
            while line := response.readline(left + 1):
                left -= len(line)
                if left < 0:
                    raise _too_long()
                field, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(":")
                if field == "data":
                    yield value.removeprefix(" ")

    @contextmanager
    def _exchange(self, path: str, body: dict[str, Any]) -> Iterator[HTTPResponse]:
        """A request and the beginning of its answer, in our words where it fails."""
        deadline = time.monotonic() + self._timeout
        connection, stage = self._connection(), "connecting"
        reusable = False
        try:
            connection.response_class = cast(
                "type[HTTPResponse]", partial(_TimedResponse, left=partial(_left, deadline))
            )
            if connection.sock is None:
                connection.timeout = min(_CONNECT, self._timeout)
                connection.connect()
            stage = "sending"
            connection.sock.settimeout(_left(deadline))
            connection.request("POST", self._path + path, json.dumps(body).encode(), self._headers())
            stage = "answering"
            response = connection.getresponse()
            if not 200 <= response.status < 300:
                failure = self._failure(response)
                reusable = _is_whole(response)
                raise failure
            yield response
            reusable = _is_whole(response)
        except (OSError, HTTPException) as error:
            raise _described(error, self._host, stage, self._timeout) from error
        finally:
            if reusable:
                self._idle.append(connection)
            else:
                connection.close()

    def _connection(self) -> HTTPConnection:
        """A connection that is open and idle, or a new one that is not open yet."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if _is_quiet(connection.sock):
                return connection
            connection.close()
        proxy = self._proxy
        if self._context is None:
            return HTTPConnection(self._host, self._port) if proxy is None else HTTPConnection(proxy.host, proxy.port)
        if proxy is None:
            return HTTPSConnection(self._host, self._port, context=self._context)
        tunnelled = HTTPSConnection(proxy.host, proxy.port, context=self._context)
        tunnelled.set_tunnel(self._host, self._port or 443, proxy.headers)
        return tunnelled

    def _headers(self) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"outcrop/{__version__}",
        }
        if self._proxy is not None and self._context is None:
            headers |= self._proxy.headers
        return headers | ({"Authorization": f"Bearer {self._key}"} if self._key else {})

    def _failure(self, response: HTTPResponse) -> PassingFailure | RemoteRefusal:
        body = response.read(_MOST_OF_FAILURE)
        if self._key:
            # A server may repeat the key that it refuses.
            body = body.replace(self._key.encode(), b"***")
        return failure_of(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


class _TimedResponse(HTTPResponse):
    """An answer with a deadline for all of it; a socket's own timeout begins anew with each byte."""

    def __init__(self, sock: socket.socket, *args: Any, left: Callable[[], float], **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock, left))


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _whole(response: HTTPResponse) -> bytes:
    """The body.

    Raises:
        IncompleteRead: It is shorter than announced.
        RemoteRefusal: It is too long.
    """
    data = bytearray()
    while piece := response.read(_PIECE):
        data += piece
        if len(data) > MOST:
            raise _too_long()
    # http.client tells of a broken body only where it is asked for all of it at once.
    if response.length:
        raise IncompleteRead(bytes(data[:0]), response.length)
    return bytes(data)


def _is_whole(response: HTTPResponse) -> bool:
    """Whether an answer was read to its end, so that its connection may serve for another one."""
    return response.isclosed() and not response.will_close and not response.length


def _too_long() -> RemoteRefusal:
    return RemoteRefusal(f"the answer is longer than {MOST // 2**20} MiB")


def _described(error: OSError | HTTPException, host: str, stage: str, timeout: float) -> PassingFailure | RemoteRefusal:
    if isinstance(error, ssl.SSLCertVerificationError):
        return RemoteRefusal(f"{host}: its certificate can't be trusted ({error.verify_message})")
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
        return RemoteRefusal(f"{host}: there is no machine of that name")
    # Once the request is sent whole, the model may be at work.
    charged = stage == "answering"
    if isinstance(error, TimeoutError):
        seconds = f"{min(_CONNECT, timeout) if stage == 'connecting' else timeout:g} s"
        return PassingFailure(f"no whole answer within {seconds}", charged=charged, unreachable=stage == "connecting")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return PassingFailure(f"it broke off while {stage} ({reason})", charged=charged, unreachable=stage == "connecting")


def _is_quiet(sock: socket.socket | None) -> bool:
    """Whether an idle connection is still open: one that has something to say was closed from the other side."""
    if sock is None:
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)


def _close_all(connections: list[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()
