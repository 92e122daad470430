from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from outcrop.domain.jobs import Worker
from outcrop.runners.process import ProcessRunner, this_worker


@pytest.fixture
def runner(tmp_path: Path) -> ProcessRunner:
    return ProcessRunner(tmp_path / "workers", {})


def wait(ready: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_this_process_is_alive(runner: ProcessRunner) -> None:
    me = this_worker()
    assert (me.pid, me.host) == (os.getpid(), os.uname().nodename)
    assert runner.alive(me) is True


def test_another_start_time_is_another_process(runner: ProcessRunner) -> None:
    assert runner.alive(replace(this_worker(), started=this_worker().started - 3600)) is False
    assert runner.alive(replace(this_worker(), started=this_worker().started + 0.5)) is True


def test_another_host_cannot_be_seen(runner: ProcessRunner) -> None:
    assert runner.alive(replace(this_worker(), host="elsewhere.example")) is None


def test_a_process_that_never_was_is_not_alive(runner: ProcessRunner) -> None:
    assert runner.alive(Worker(os.uname().nodename, 2**22 + 1, 0.0)) is False


@pytest.mark.process
def test_a_process_that_ended_is_not_alive_and_leaves_no_zombie(runner: ProcessRunner) -> None:
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", "import sys; sys.stdin.read()"], os.environ)
    worker = Worker(os.uname().nodename, child, psutil.Process(child).create_time())
    assert runner.alive(worker) is True
    os.kill(child, signal.SIGKILL)
    wait(lambda: runner.alive(worker) is False)
    wait(lambda: not psutil.pid_exists(child))
    assert runner.alive(worker) is False


@pytest.mark.process
def test_a_worker_without_a_job_ends_and_says_why(tmp_path: Path, home: Path) -> None:
    """There is no such job in the home, so the worker has nothing to do."""
    runner = ProcessRunner(tmp_path / "workers", {"OUTCROP_HOME": str(home), "OUTCROP_LEASE_SECONDS": "5"})
    worker = runner.start("nosuchjob000")
    wait(lambda: runner.alive(worker) is False)
    output = tmp_path / "workers" / "nosuchjob000.txt"
    assert output.read_text(encoding="utf-8") == ""
    assert output.stat().st_mode & 0o777 == 0o600
    assert (home / "catalog.sqlite").is_file()


@pytest.mark.process
def test_what_a_worker_says_before_it_dies_is_kept(tmp_path: Path) -> None:
    runner = ProcessRunner(tmp_path / "workers", {"OUTCROP_HOME": str(tmp_path), "OUTCROP_LEASE_SECONDS": "never"})
    output = tmp_path / "workers" / "job.txt"
    for times in (1, 2):
        worker = runner.start("job")
        wait(lambda worker=worker: runner.alive(worker) is False)  # type: ignore[misc]
        assert output.read_text(encoding="utf-8").count("OUTCROP_LEASE_SECONDS: found never") == times


@pytest.mark.process
def test_a_worker_survives_who_started_it(tmp_path: Path, home: Path) -> None:
    """Started by a process that ends at once, in a session of its own: no terminal takes it along."""
    code = textwrap.dedent(
        """
        import json, sys
        from pathlib import Path
        from outcrop.runners import process
        process.sys.executable = sys.argv[2]
        worker = process.ProcessRunner(Path(sys.argv[1]), {}).start("job")
        print(json.dumps([worker.pid, worker.started]))
        """
    )
    lasting = tmp_path / "python"
    lasting.write_text("#!/bin/sh\necho began\nexec sleep 60\n")
    lasting.chmod(0o700)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "workers"), str(lasting)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    pid, started = [float(number) for number in done.stdout.strip("[]\n").split(",")]
    worker = Worker(os.uname().nodename, int(pid), started)
    try:
        assert ProcessRunner(tmp_path, {}).alive(worker) is True
        assert os.getsid(worker.pid) == worker.pid
        wait(lambda: (tmp_path / "workers" / "job.txt").read_text() == "began\n")
    finally:
        os.kill(worker.pid, signal.SIGKILL)
    wait(lambda: ProcessRunner(tmp_path, {}).alive(worker) is False)
