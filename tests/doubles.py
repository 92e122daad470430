"""What tests of jobs and commands share: files of records, scripted models, services whose workers are this process."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from outcrop import Outcrop
from outcrop.catalog.protocol import Claim
from outcrop.catalog.sql import SqlCatalog
from outcrop.domain.jobs import Job, JobKind, Worker
from outcrop.engines.scripted import FILE
from outcrop.runners.process import this_worker
from outcrop.services import Services
from outcrop.settings import read_settings
from outcrop.stores.local import LocalStore

#: A roof, so that no test measures one.
ROOF = {"flops": 1e11, "bytes": 1e10, "threads": 1}


def write_lines(path: Path, records: Sequence[object]) -> Path:
    """A JSON Lines file of the records."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def pairs(path: Path, count: int = 8) -> Path:
    """A training file of prompts and completions; each line has 24 bytes of text or a few more."""
    return write_lines(path, [{"prompt": f"Say {place}", "completion": f"It is {place}."} for place in range(count)])


def questions(path: Path, count: int = 8) -> Path:
    """An evaluation file, its records in two categories."""
    return write_lines(
        path,
        [
            {
                "prompt": f"Question {place} about rock",
                "referenceResponse": f"rock {place}",
                "category": "ab"[place % 2],
            }
            for place in range(count)
        ],
    )


def write_wheel(
    folder: Path, package: str, version: str, content: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel with that content, which wants another package, in a folder where pip looks, and nowhere else."""
    stem = f"{package.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\nRequires-Dist: not-to-be-had\n"
    files = {
        **content,
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    folder.mkdir()
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def add_scripted(outcrop: Outcrop, folder: Path, name: str = "scripted", **script: Any) -> None:
    """Add a scripted model; ``folder`` gets its script."""
    (folder / f"script-{name}").mkdir()
    (folder / f"script-{name}" / FILE).write_text(json.dumps(script), encoding="utf-8")
    outcrop.models.add_scripted(name, folder / f"script-{name}")


def keep_roof(home: Path) -> None:
    """Put a roof where it would be measured."""
    (home / "cache").mkdir(parents=True, exist_ok=True)
    (home / "cache" / f"roof-cpu-{torch.get_num_threads()}.json").write_text(json.dumps(ROOF), encoding="utf-8")


@dataclass
class IdleRunner:
    """A runner that starts nothing: it notes the jobs, and says of any worker what it is told to."""

    says_alive: bool | None = True
    started: list[str] = field(default_factory=list)

    def start(self, job_id: str) -> Worker:
        self.started.append(job_id)
        return this_worker()

    def alive(self, worker: Worker) -> bool | None:
        return self.says_alive


class HereRunner(IdleRunner):
    """A runner that does a job's work here and now, before ``start`` returns."""

    def start(self, job_id: str) -> Worker:
        from outcrop.jobs.worker import main

        main(job_id)
        return super().start(job_id)


def patch_runner(monkeypatch: pytest.MonkeyPatch, runner: IdleRunner) -> IdleRunner:
    """Let every home that is opened from now on start its workers with a runner of the test."""
    monkeypatch.setattr("outcrop.services.ProcessRunner", lambda *_: runner)
    return runner


def idle_services(home: Path) -> Services:
    """Services on a home folder whose jobs wait until the test does their work."""
    settings = read_settings(home=home)
    return Services(settings, SqlCatalog(settings.catalog_url), LocalStore(Path(settings.store)), IdleRunner())


def claimed(services: Services, job: Job, *, worker: Worker | None = None) -> Claim:
    """A claim on a queued job."""
    claim = services.catalog.claim(job.id, worker or this_worker(), services.settings.lease_seconds, 10)
    assert claim is not None
    return claim


def submitted(services: Services, kind: JobKind = JobKind.EVALUATION, name: str = "job", **request: Any) -> Job:
    """A queued job."""
    return services.submit(kind, name, request)


def taken_over(services: Services, job: Job) -> Claim:
    """What another worker gets when it takes a running job over."""
    services.catalog.requeue(services.catalog.job(job.id), "its worker slept", restarts=3, grace_seconds=15)
    return claimed(services, job, worker=Worker("elsewhere", 1, 1.0))
