"""Times reads of the control plane, signed as a client signs them, against a server that checks every signature.

    PYTHONPATH=src python bench/server.py [--jobs 100,100000] [--seconds 10] [--rounds 5]

The server is a process as `outcrop serve` starts it; clients are a second process with 16 connections, which share the
machine's cores with it. Each round measures both sizes of the catalog, in turn: how many requests a second it answers
when asked without pause, and how long single ones take at half the demanded rate. Results go to
``results/server.json``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlsplit

import sqlalchemy as sa
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from outcrop import Outcrop
from outcrop.catalog.rows import job_to_row
from outcrop.catalog.tables import jobs
from outcrop.domain.jobs import Job, JobKind, Status
from outcrop.versions import machine, versions

RESULTS = Path(__file__).parent / "results" / "server.json"
BASE = "meta.llama3-1-8b-instruct-v1:0"
CONNECTIONS = 16
#: What the issue asks for, in requests a second; single ones are timed at half of it.
DEMANDED = 300


def fill(home: Path, count: int) -> None:
    """A home with so many jobs that ended."""
    identity = {"weights": "w" * 64, "tokenizer": "t" * 64, "template": ""}
    values = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "warmup_steps": 0, "weight_decay": 0.0}
    values |= {"gradient_clip": 1.0, "rank": 16, "alpha": 16.0, "dropout": 0.0, "max_length": 512, "seed": 0}
    asked = {
        "foundationModelId": BASE,
        "roleArn": "arn:aws:iam::123456789012:role/bench",
        "trainingDataConfig": {"s3Uri": "s3://bucket/train.jsonl"},
        "outputDataConfig": {"s3Uri": "s3://bucket/out"},
        "hyperParameters": {"epochCount": "1"},
    }
    request = {
        "model": "model",
        "base": "base",
        "base_identity": identity,
        "method": "lora",
        "train": {"path": "s3://bucket/train.jsonl", "hash": "h" * 64},
        "validation": None,
        "hyperparameters": values,
    }
    kind, status = JobKind.CUSTOMIZATION, Status.STOPPED
    made = (
        Job(f"{n:012d}", f"job-{n}", kind, status, request, created=1.7e9 + n, ended=1.8e9 + n, asked=asked)
        for n in range(count)
    )
    with Outcrop(home) as outcrop:
        database = sa.create_engine(outcrop.services.settings.catalog_url)
        with database.begin() as connection:
            for some in batched(made, 10_000):
                connection.execute(sa.insert(jobs), [job_to_row(job) for job in some])
        database.dispose()


def batched(items: Iterable[Job], size: int) -> Iterator[list[Job]]:
    """The items, so many at a time."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def targets(count: int) -> list[str]:
    """What is read: one job by name and by ARN, the newest ten, one page further on, and the models."""
    middle = count // 2
    arn = f"arn:aws:bedrock:us-east-1:123456789012:model-customization-job/{BASE}/{middle:012d}"
    return [
        f"/model-customization-jobs/job-{middle}",
        f"/model-customization-jobs/{quote(arn, safe='')}",
        "/model-customization-jobs?maxResults=10",
        "/model-customization-jobs?maxResults=10&sortOrder=Ascending&statusEquals=Stopped",
        "/foundation-models",
    ]


def signed(address: str, key: tuple[str, str], paths: Sequence[str]) -> list[bytes]:
    """Requests as they go over the wire, with the signatures that botocore makes."""
    found = []
    for path in paths:
        request = AWSRequest("GET", address + path)
        SigV4Auth(Credentials(*key), "bedrock", "us-east-1").add_auth(request)
        headers = {"Host": urlsplit(address).netloc, **dict(request.headers.items())}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        found.append(("\r\n".join(lines) + "\r\n\r\n").encode())
    return found


class Connection:
    """One kept-alive connection."""

    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        assert url.hostname is not None
        assert url.port is not None
        self._socket = socket.create_connection((url.hostname, url.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def ask(self, request: bytes) -> int:
        """The status of one answer, when all of it is there."""
        self._socket.sendall(request)
        data = self._rest
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        while len(body) < length:
            body += self._socket.recv(65536)
        self._rest = body[length:]
        return int(head.split(b" ", 2)[1])


def flat_out(address: str, requests: Sequence[bytes], seconds: float) -> float:
    """Answers a second when each connection asks again at once."""
    counts = [0] * CONNECTIONS
    until = time.perf_counter() + seconds

    def run(place: int) -> None:
        connection = Connection(address)
        while time.perf_counter() < until:
            assert connection.ask(requests[counts[place] % len(requests)]) == 200
            counts[place] += 1

    began = time.perf_counter()
    threads = [threading.Thread(target=run, args=(place,)) for place in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def paced(address: str, requests: Sequence[bytes], seconds: float, rate: float) -> list[float]:
    """Seconds from when each request was due until its answer was there, at a steady rate."""
    took: list[float] = []
    lock = threading.Lock()
    total = int(seconds * rate)
    places = iter(range(total))
    began = time.perf_counter() + 0.1

    def run() -> None:
        connection = Connection(address)
        while True:
            with lock:
                place = next(places, None)
            if place is None:
                return
            due = began + place / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            assert connection.ask(requests[place % len(requests)]) == 200
            ended = time.perf_counter()
            with lock:
                took.append(ended - due)

    threads = [threading.Thread(target=run) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(took)


def measure(address: str, key: tuple[str, str], count: int, seconds: float, out: str) -> None:
    """Both figures of one server, in a process of their own."""
    requests = signed(address, key, targets(count))
    flat_out(address, requests, 1.0)
    rate = flat_out(address, requests, seconds)
    took = paced(address, requests, seconds, DEMANDED / 2)
    figures = {
        "requests_per_second": rate,
        "p50_ms": 1000 * took[len(took) // 2],
        "p99_ms": 1000 * took[int(0.99 * len(took))],
    }
    Path(out).write_text(json.dumps(figures), encoding="utf-8")


def one_round(home: Path, key: tuple[str, str], count: int, seconds: float) -> dict[str, float]:
    """Start the server on a home, measure, and end it."""
    environment = {**os.environ, "OUTCROP_HOME": str(home), "OUTCROP_REQUESTS_PER_SECOND": "1000000"}
    command = [sys.executable, "-m", "outcrop", "serve", "--port", "0", "--json"]
    with (
        tempfile.NamedTemporaryFile() as out,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        assert server.stderr is not None
        while "listening" not in server.stderr.readline():
            assert server.poll() is None
        os.set_blocking(server.stdout.fileno(), False)
        address = json.loads(server.stdout.read())["environment"]["AWS_ENDPOINT_URL_BEDROCK"]
        clients = multiprocessing.Process(target=measure, args=(address, key, count, seconds, out.name))
        clients.start()
        clients.join()
        server.terminate()
        figures: dict[str, float] = json.loads(Path(out.name).read_text(encoding="utf-8"))
        return figures


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", default="100,100000")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    counts = [int(count) for count in options.jobs.split(",")]
    rounds: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as folder:
        homes, keys = {}, {}
        for count in counts:
            homes[count] = Path(folder, str(count))
            fill(homes[count], count)
            with Outcrop(homes[count]) as outcrop:
                new = outcrop.keys.create("bench")
                keys[count] = (new.key.id, new.secret)
        for _ in range(options.rounds):
            for count in counts:
                found = one_round(homes[count], keys[count], count, options.seconds)
                rounds[count].append(found)
                print(f"{count:,} jobs: " + ", ".join(f"{name} {value:.1f}" for name, value in found.items()))
    kept = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "connections": CONNECTIONS,
        "seconds": options.seconds,
        "jobs": {
            str(count): {name: [round(each[name], 2) for each in found] for name in found[0]}
            for count, found in rounds.items()
        },
        "median": {
            str(count): {name: round(median(each[name] for each in found), 2) for name in found[0]}
            for count, found in rounds.items()
        },
    }
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
