from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outcrop.domain.errors import RemoteRefusal
from outcrop.engines.remote import http
from outcrop.engines.remote.failures import PassingFailure
from outcrop.engines.remote.http import Server
from tests.engines.remote.conftest import Serve

BODY = {"messages": [{"role": "user", "content": "Hi"}]}


@contextmanager
def raw(say: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request, and then does what it is told to with the connection, each time; its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                # All of it: what is left unread at the end would reset the connection, answer and all.
                asked = b""
                while not asked.endswith(json.dumps(BODY).encode()) and (piece := connection.recv(65536)):
                    asked += piece
                try:
                    say(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def sends(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "broke off while answering"),
        (b"nonsense\r\n\r\n", "broke off while answering"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "broke off while answering|no JSON"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"choices": []}', "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", "IncompleteRead"),
        (b'HTTP/1.0 200 OK\r\n\r\n{"choices": [', "the answer is no JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>..>", "the answer is no JSON"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000, "the answer is no JSON"),
    ],
)
def test_what_is_no_whole_answer_may_pass_and_may_have_cost(data: bytes, words: str) -> None:
    with raw(sends(data)) as address, pytest.raises(PassingFailure, match=words) as caught:
        Server(address, "", 5.0).post("/chat/completions", BODY)
    assert caught.value.charged


def test_drop_by_drop_is_not_in_time() -> None:
    """A socket's own timeout would begin anew with each byte, of the head and of the body."""

    def drip(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n" + b"X: y\r\n" * 1000:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    with raw(drip) as address:
        began = time.monotonic()
        with pytest.raises(PassingFailure, match=r"no whole answer within 0\.3 s"):
            Server(address, "", 0.3).post("/chat/completions", BODY)
        assert time.monotonic() - began < 1


def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST", 1 << 20)

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b" " * 65536)

    with raw(flood) as address:
        with pytest.raises(RemoteRefusal, match="the answer is longer than 1 MiB"):
            Server(address, "", 10.0).post("/chat/completions", BODY)
        with pytest.raises(RemoteRefusal, match="the answer is longer than 1 MiB"):
            list(Server(address, "", 10.0).events("/chat/completions", BODY))


def test_a_redirection_takes_the_key_nowhere(serve: Serve) -> None:
    other = serve()
    headers = {"Location": f"{other.address}/v1/chat/completions"}
    server = serve(replace=lambda _: (307, headers, b""))
    with pytest.raises(RemoteRefusal, match="307, a redirection, which is never followed"):
        Server(f"{server.address}/v1", "secret", 5.0).post("/chat/completions", BODY)
    assert other.connections == 0


def test_connections_are_used_again_and_closed_ones_are_not(serve: Serve) -> None:
    server = serve()
    client = Server(f"{server.address}/v1", "", 5.0)
    for _ in range(5):
        client.post("/chat/completions", BODY)
    assert server.connections == 1
    closing = serve(replace=lambda _: (200, {"Connection": "close"}, b"{}"))
    client = Server(f"{closing.address}/v1", "", 5.0)
    for _ in range(3):
        client.post("/chat/completions", BODY)
    assert closing.connections == 3


def test_a_refusal_leaves_the_connection_as_it_was(serve: Serve) -> None:
    server = serve(replace=lambda _: (429, {}, b'{"error": "slow down"}'))
    client = Server(f"{server.address}/v1", "", 5.0)
    for _ in range(3):
        with pytest.raises(PassingFailure, match="429 slow down"):
            client.post("/chat/completions", BODY)
    assert server.connections == 1


def test_a_connection_that_the_server_closed_meanwhile_is_noticed() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with raw(sends(answer)) as address:
        client = Server(address, "", 5.0)
        for _ in range(3):
            assert client.post("/chat/completions", BODY) == {}
            time.sleep(0.05)


def test_an_unknown_machine_is_told_at_once() -> None:
    with pytest.raises(RemoteRefusal, match=r"nowhere\.invalid: there is no machine of that name"):
        Server("http://nowhere.invalid/v1", "", 5.0).post("/chat/completions", BODY)


def certificate(folder: Path, host: str = "localhost") -> Path:
    """A certificate for a host that nobody signed, and its key, in one file; moto brings what makes it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False).sign(
        key, hashes.SHA256()
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "certificate.pem"
    file.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return file


def test_only_a_trusted_certificate_is_spoken_to(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = certificate(tmp_path)
    server = serve()
    server.speak_tls(file)
    address = f"https://localhost:{server.address.rpartition(':')[2]}/v1"
    with pytest.raises(RemoteRefusal, match=r"localhost: its certificate can't be trusted \(self-signed certificate\)"):
        Server(address, "", 5.0).post("/chat/completions", BODY)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    client = Server(address, "", 5.0)
    for _ in range(3):
        assert client.post("/chat/completions", BODY)["choices"]
    with pytest.raises(RemoteRefusal, match=r"Hostname mismatch|IP address mismatch"):
        Server(address.replace("localhost", "127.0.0.1"), "", 5.0).post("/chat/completions", BODY)
    assert server.asked.total() == 3


def test_plain_text_where_tls_is_expected(serve: Serve) -> None:
    server = serve()
    with pytest.raises(PassingFailure, match="broke off while connecting"):
        Server(f"{server.address.replace('http:', 'https:')}/v1", "", 5.0).post("/chat/completions", BODY)


def test_events_end_with_the_answer() -> None:
    data = b"HTTP/1.1 200 OK\r\n\r\n: hello\r\ndata: one\r\n\r\nevent: x\r\ndata:two\n\ndata: \xc3\xa4\r\n\r\n"
    with raw(sends(data)) as address:
        assert list(Server(address, "", 5.0).events("/chat/completions", BODY)) == ["one", "two", "ä"]
