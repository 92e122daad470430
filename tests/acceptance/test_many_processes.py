"""Eight processes work on one catalog and are killed at random: every job ends, once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from outcrop.catalog.sql import SqlCatalog
from outcrop.domain.jobs import ENDED, Status
from outcrop.services import RESTARTS

PROCESSES = 8
EACH = 25
KILLS = 40

pytestmark = pytest.mark.process


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a catalog that all processes use."""
    sqlite = f"sqlite:///{home / 'catalog.sqlite'}"
    address = sqlite if request.param == "sqlite" else str(request.getfixturevalue("database"))
    monkeypatch.setenv("OUTCROP_CATALOG_URL", address)
    return address


def test_every_job_ends_once(url: str, tmp_path: Path) -> None:
    catalog = SqlCatalog(url)
    crowd = {number: start(tmp_path, number) for number in range(PROCESSES)}
    choose = random.Random(7)
    kills = 0
    deadline = time.monotonic() + 240
    try:
        while any(process.poll() is None for process in crowd.values()):
            assert time.monotonic() < deadline, Counter(job.status for job in catalog.jobs())
            time.sleep(choose.uniform(0.05, 0.3))
            number = choose.randrange(PROCESSES)
            if kills < KILLS and crowd[number].poll() is None:
                crowd[number].kill()
                crowd[number].wait()
                crowd[number] = start(tmp_path, number)
                kills += 1
    finally:
        for process in crowd.values():
            process.kill()
            process.wait()
    errors = tmp_path / "errors"
    assert not errors.exists(), errors.read_text(encoding="utf-8")
    assert [process.returncode for process in crowd.values()] == [0] * PROCESSES
    jobs = catalog.jobs()
    assert len({job.name for job in jobs}) == len(jobs) == PROCESSES * EACH
    assert {job.status for job in jobs} <= ENDED
    assert kills >= KILLS // 2
    ended = Counter((tmp_path / "ended").read_text(encoding="utf-8").split())
    for job in jobs:
        if job.status is Status.FAILED:
            assert len(job.restarts) == RESTARTS
            assert ended[job.id] == 0
        else:
            # Nobody counts an end whose process was killed between the catalog's word and its own note.
            assert ended[job.id] <= 1
            assert job.result is not None
            assert job.result["fence"] == job.fence
    assert sum(ended.values()) >= len(jobs) - KILLS
    catalog.close()


def start(folder: Path, number: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.acceptance.crowd", str(folder), str(number), str(EACH)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], env={**os.environ, "OMP_NUM_THREADS": "1"})
