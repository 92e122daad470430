"""A connection on which nothing comes, or a head that never ends, is let go; a request that takes its time is not."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import uvicorn

from outcrop.server import patience


async def slow(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An application that thinks for longer than a client may."""
    await asyncio.sleep(0.6)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(patience, "PATIENCE", 0.3)
    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(slow, http=patience.PatientProtocol, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    yield bound.getsockname()[:2]
    server.should_exit = True
    thread.join()


def until_closed(connection: socket.socket) -> tuple[bytes, float]:
    """What comes before the server lets go, and the seconds it took."""
    began, found = time.monotonic(), b""
    connection.settimeout(10)
    with suppress(ConnectionResetError):
        while data := connection.recv(1000):
            found += data
    return found, time.monotonic() - began


@pytest.mark.parametrize("head", [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: "])
def test_a_head_that_never_ends(address: tuple[str, int], head: bytes) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(head)
        found, seconds = until_closed(connection)
    assert found == b""
    assert 0.2 < seconds < 5


def test_bytes_that_drip_do_not_help(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        began = time.monotonic()
        drip = threading.Thread(target=_drip, args=(connection,))
        drip.start()
        assert until_closed(connection)[0] == b""
        assert time.monotonic() - began < 4
        drip.join()


def _drip(connection: socket.socket) -> None:
    with suppress(OSError):
        for _ in range(100):
            connection.sendall(b"G")
            time.sleep(0.05)


def test_an_answer_may_take_its_time_and_another_request_follow(address: tuple[str, int]) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.settimeout(10)
        for _ in range(2):
            connection.sendall(request)
            found = b""
            while not found.endswith(b"ok"):
                found += connection.recv(1000)
            assert found.startswith(b"HTTP/1.1 200")
        connection.sendall(request[:5])
        assert until_closed(connection)[0] == b""
