"""Workers as processes of this machine."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from outcrop.domain.errors import StorageFailure
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
    Of more than one process, torchrun starts as many, of which the first does the work and the others help.
    """

    def __init__(self, output_folder: Path, environment: Mapping[str, str], processes: int = 1) -> None:
        self._output_folder = output_folder
        self._environment = dict(environment)
        # Torchrun's children know no -P, and this variable instead.
        torchrun = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
        self._command = [sys.executable, "-P", "-m", *(torchrun if processes > 1 else [])]
        self._environment["PYTHONSAFEPATH"] = "1"
        self._started: set[int] = set()

    def start(self, job_id: str) -> Worker:
        """See ``Runner.start``.

        Raises:
            StorageFailure: The home folder or the system lets no process begin.
        """
        output = self._output_folder / f"{job_id}.txt"
        # With -P nothing is imported from the folder that the caller happens to be in, which may be anybody's.
        # Not subprocess.Popen: it insists on seeing the end of what it starts, and a worker outlives this process.
        try:
            self._output_folder.mkdir(parents=True, exist_ok=True)
            pid = os.posix_spawn(
                sys.executable,
                [*self._command, "outcrop.jobs.worker", job_id],
                {**os.environ, **self._environment},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
            )
        except OSError as error:
            raise StorageFailure(f"{output}: no worker can be started ({error.strerror})") from error
        self._see_the_dead_off()
        self._started.add(pid)
        return _worker(pid)

    def _see_the_dead_off(self) -> None:
        """A process that lives on, such as a server, must not gather what its ended workers leave behind."""
        for pid in list(self._started):
            with suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    continue
            self._started.discard(pid)

    def alive(self, worker: Worker) -> bool | None:
        """See ``Runner.alive``."""
        if worker.host != _host():
            return None
        try:
            process = psutil.Process(worker.pid)
            if abs(process.create_time() - worker.started) > _START_TOLERANCE:
                return False
            if process.status() != psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return False
        with suppress(ChildProcessError):
            os.waitpid(worker.pid, os.WNOHANG)
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
