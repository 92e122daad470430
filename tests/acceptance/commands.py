"""Running ``outcrop`` as a person does: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outcrop import Outcrop
from outcrop.domain.jobs import Job, Status


def run(home: Path, *arguments: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "outcrop", *arguments],
        env={**os.environ, "OUTCROP_HOME": str(home), **environment},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def run_json(home: Path, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run one command that must succeed; its document."""
    done = run(home, *arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr + done.stdout
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def wait_for(outcrop: Outcrop, job: str, ready: Callable[[Job], bool], seconds: float = 120) -> Job:
    """Wait until a job is as it should be; a worker that died meanwhile is replaced, as by any command."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = outcrop.jobs.show(job)
        if ready(found):
            return found
        assert found.status is not Status.DONE, "done before it was as it should be"
        # What every command does: replace a worker that died.
        outcrop.services.recover()
        time.sleep(0.01)
    found = outcrop.jobs.show(job)
    raise AssertionError(f"not in {seconds} s: {found.status} {found.progress} {found.error}")


def is_running(job: Job) -> bool:
    """Whether a worker holds the job."""
    return job.status is Status.RUNNING


def kill(outcrop: Outcrop, job: str, how: signal.Signals = signal.SIGKILL) -> int:
    """Send a signal to a job's worker, and see it die where it was the last one; its process id."""
    worker = outcrop.jobs.show(job).worker
    assert worker is not None
    os.kill(worker.pid, how)
    until = time.monotonic() + 30
    # On a busy machine a process with threads takes its time to die.
    while how is signal.SIGKILL and outcrop.services.runner.alive(worker):
        assert time.monotonic() < until, worker
        time.sleep(0.01)
    return worker.pid
