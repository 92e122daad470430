"""Workers as processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from outcrop.domain.jobs import Worker
from outcrop.runners.protocol import Runner

#: Two readings of one process's start time differ by less than this, in seconds; two processes by more.
_START_TOLERANCE = 1.0


def this_worker() -> Worker:
    """The process that calls."""
    return _worker(os.getpid())


class ProcessRunner:
    """Starts each worker in a session of its own, so that closing the terminal ends nothing.

    What a worker prints goes to ``output_folder/JOB.txt``: nothing, unless it dies in a way it can't report itself.
    """

    def __init__(self, output_folder: Path, environment: Mapping[str, str]) -> None:
        self._output_folder = output_folder
        self._environment = dict(environment)
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, job_id: str) -> Worker:
        """See ``Runner.start``."""
        self._output_folder.mkdir(parents=True, exist_ok=True)
        with (self._output_folder / f"{job_id}.txt").open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", "outcrop.jobs.worker", job_id],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **self._environment},
            )
        self._children.append(child)
        return _worker(child.pid)

    def alive(self, worker: Worker) -> bool | None:
        """See ``Runner.alive``."""
        if worker.host != _host():
            return None
        for child in self._children:
            child.poll()
        try:
            process = psutil.Process(worker.pid)
            same = abs(process.create_time() - worker.started) < _START_TOLERANCE
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


def _worker(pid: int) -> Worker:
    try:
        started = float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        started = time.time()
    return Worker(_host(), pid, started)


def _host() -> str:
    return os.uname().nodename


_: type[Runner] = ProcessRunner
