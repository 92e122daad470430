"""Servers that tests start: PostgreSQL in a cluster of its own, and S3 as moto plays it."""

from __future__ import annotations

import http.client
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

INSTALL = "PostgreSQL is not installed; on Debian: apt-get install postgresql"


def postgres_program(name: str) -> str | None:
    """Where a program of PostgreSQL's server lies; Debian keeps them off the path."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(newest_first[0]) if newest_first else shutil.which(name)


@dataclass
class Postgres:
    """A cluster in a folder of its own, on a free port of the loopback; ``stop`` and ``start`` at will."""

    folder: Path
    password: str
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    databases: int = 0

    def create(self) -> None:
        """Make the cluster."""
        # PostgreSQL refuses to run as root.
        if os.getuid() == 0:
            shutil.chown(self.folder, "nobody", "nogroup")
        secret = self.folder / "password"
        secret.write_text(self.password, encoding="utf-8")
        options = ["--auth=scram-sha-256", "--username=outcrop", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
        command = [self._program("initdb"), "-D", str(self.folder / "data"), *options]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, user=self._user())

    def start(self) -> None:
        """Begin to answer."""
        self.port = self.port or free_port()
        command = [self._program("postgres"), "-D", str(self.folder / "data"), "-h", "127.0.0.1", "-p", str(self.port)]
        # Nobody needs the data after a power cut; everything else is as it is by default.
        command += ["-c", "unix_socket_directories=", "-c", "fsync=off"]
        log = (self.folder / "log.txt").open("ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, user=self._user())
        log.close()
        self._wait()

    def stop(self) -> None:
        """End at once, as in a crash; what was committed stays."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def database(self) -> str:
        """The address of a new database."""
        import psycopg

        self.databases += 1
        name = f"test_{self.databases}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def url(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://outcrop:{self.password}@127.0.0.1:{self.port}/{database}"

    def _wait(self) -> None:
        import psycopg

        for _ in range(600):
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                assert self.process is not None
                assert self.process.poll() is None, (self.folder / "log.txt").read_text(encoding="utf-8")
                time.sleep(0.05)
        raise AssertionError("PostgreSQL does not answer")

    def _program(self, name: str) -> str:
        found = postgres_program(name)
        assert found is not None, INSTALL
        return found

    def _user(self) -> str | None:
        return "nobody" if os.getuid() == 0 else None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A cluster that runs meanwhile."""
    # Not pytest's folder: that is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="outcrop-postgres-"))
    server = Postgres(folder, secrets.token_hex(8))
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def point_boto3_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 find an S3 service there, here and in the processes that are started."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def s3_server() -> Iterator[str]:
    """moto's S3 server, in this process; its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


class FaultyS3:
    """Stands before an S3 server and misbehaves: ``mode`` is "", "refuse", "hang" or "half"."""

    def __init__(self, behind: str) -> None:
        self.mode = ""
        self._behind = urlsplit(behind)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FaultyS3:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mode = ""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if outer.mode == "refuse":
                    answer = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
                    self.reply(403, {"Content-Type": "application/xml"}, answer)
                    return
                while outer.mode == "hang":
                    time.sleep(0.05)
                self.forward(body)

            def forward(self, body: bytes) -> None:
                connection = http.client.HTTPConnection(outer._behind.hostname or "", outer._behind.port)
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                answer = connection.getresponse()
                data = answer.read()
                connection.close()
                left = {"connection", "transfer-encoding", "content-length", "date", "server"}
                headers = {name: value for name, value in answer.getheaders() if name.lower() not in left}
                length = answer.getheader("Content-Length") or str(len(data))
                self.reply(answer.status, {**headers, "Content-Length": length}, data)

            def reply(self, status: int, headers: dict[str, str], data: bytes) -> None:
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(data))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                half = outer.mode == "half" and self.command == "GET" and len(data) > 1
                self.wfile.write(data[: len(data) // 2] if half else data)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

        return Handler
