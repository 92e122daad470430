"""Requests through the proxy that the environment names: TLS in a tunnel, plain HTTP by the whole address."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.engines.remote.failures import PassingFailure
from outcrop.engines.remote.http import Server
from outcrop.engines.remote.proxies import Proxy, proxy_for
from tests.engines.remote.conftest import Serve
from tests.engines.remote.test_http import BODY, certificate


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Relay:
    """A proxy on the loopback that takes every connection to one server; ``heads`` are what it was asked."""

    def __init__(self, behind: str) -> None:
        self.heads: list[str] = []
        self.answer = b"HTTP/1.1 200 Connection established\r\n\r\n"
        self._behind = ("127.0.0.1", int(behind.rpartition(":")[2]))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(connection,), daemon=True).start()

    def _pass_on(self, connection: socket.socket) -> None:
        with connection, socket.create_connection(self._behind) as other:
            head = connection.recv(65536)
            self.heads.append(head.decode())
            if head.startswith(b"CONNECT"):
                connection.sendall(self.answer)
            else:
                # As a proxy does: the server hears the path alone.
                other.sendall(head.replace(b"http://models.example", b"", 1))
            back = threading.Thread(target=_copy, args=(other, connection), daemon=True)
            back.start()
            _copy(connection, other)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def relay(serve: Serve) -> Iterator[Relay]:
    running = Relay(serve().address)
    yield running
    running.close()


def test_tls_goes_through_a_tunnel(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = certificate(tmp_path, "models.example")
    server = serve()
    server.speak_tls(file)
    relay = Relay(server.address)
    monkeypatch.setenv("HTTPS_PROXY", relay.address.replace("//", "//me:p%40ss@"))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    client = Server("https://models.example/v1", "sk-secret", 5.0)
    for _ in range(2):
        assert client.post("/chat/completions", BODY)["choices"]
    (head,) = relay.heads
    assert head.startswith("CONNECT models.example:443 HTTP/1.")
    assert "Proxy-Authorization: Basic bWU6cEBzcw==" in head
    assert "sk-secret" not in head
    relay.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    with pytest.raises(PassingFailure, match="broke off while connecting"):
        Server("https://models.example/v1", "sk-secret", 5.0).post("/chat/completions", BODY)
    relay.close()


def test_plain_http_goes_by_the_whole_address(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", relay.address)
    assert Server("http://models.example/v1", "", 5.0).post("/chat/completions", BODY)["choices"]
    assert relay.heads[0].startswith("POST http://models.example/v1/chat/completions HTTP/1.1")


def test_which_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for("https", "models.example") is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "intern.example,.local")
    assert proxy_for("https", "models.example") == Proxy("proxy.example", 3128)
    assert proxy_for("http", "models.example") is None
    for direct in ("localhost", "127.0.0.1", "intern.example", "rock.local"):
        assert proxy_for("https", direct) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example")
    found = proxy_for("https", "models.example")
    assert found is not None
    assert (found.port, found.headers) == (80, {"Proxy-Authorization": "Basic bWU6c2VjcmV0"})
    assert "bWU6" not in repr(found)


@pytest.mark.parametrize("address", ["socks5://me:secret@host:1", "http://me:secret@host:secret", "http://"])
def test_what_is_no_proxy(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(InvalidInput, match="HTTPS_PROXY: found no such address; expected http://HOST:PORT") as caught:
        Server("https://models.example/v1", "", 5.0)
    assert "secret" not in str(caught.value)
