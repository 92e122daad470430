"""A server as a person starts it: a process, and the lines it prints for a shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Served:
    """A server that runs, and what its clients need in their environment."""

    process: subprocess.Popen[str]
    exports: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a client."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OUTCROP_")}
        return {**kept, "AWS_EC2_METADATA_DISABLED": "true", **self.exports}

    def client(self, service: str = "bedrock") -> Any:
        """A client of boto3 in this process."""
        import boto3

        found = self.exports
        return boto3.client(
            service,
            region_name=found["AWS_DEFAULT_REGION"],
            endpoint_url=found[f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"],
            aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
        )

    def kill(self) -> None:
        """End it without a word."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def served(home: Path, *options: str, **environment: str) -> Iterator[Served]:
    """``outcrop serve`` on a free port, until the end of the block."""
    command = [sys.executable, "-m", "outcrop", "serve", "--port", "0", *options]
    told = {**os.environ, "OUTCROP_HOME": str(home), "PYTHONUNBUFFERED": "1", **environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=told) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        errors: list[str] = []
        listening = threading.Event()

        def read_errors() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                errors.append(line)
                if line.startswith("listening"):
                    listening.set()

        reader = threading.Thread(target=read_errors, daemon=True)
        reader.start()
        try:
            assert listening.wait(120), (process.poll(), errors)
            yield Served(process, dict(_exports(process)))
        finally:
            process.terminate()
            process.wait(30)
            reader.join()


def _exports(process: subprocess.Popen[str]) -> Iterator[tuple[str, str]]:
    """What it printed before it began to listen."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    for line in process.stdout:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").rstrip("\n").partition("=")
            yield name, value
