"""What every verb and every job works with, and the one way a job begins."""

from __future__ import annotations

import secrets
import shutil
import string
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcrop.catalog.protocol import Catalog
from outcrop.catalog.sql import SqlCatalog
from outcrop.domain.errors import StorageFailure
from outcrop.domain.jobs import HELD, Job, JobKind, Status
from outcrop.domain.models import Model
from outcrop.engines.protocol import Engine
from outcrop.engines.scripted import ScriptedEngine
from outcrop.runners.process import ProcessRunner
from outcrop.runners.protocol import Runner
from outcrop.settings import Settings
from outcrop.stores.local import LocalStore, sweep_folder
from outcrop.stores.protocol import Store

if TYPE_CHECKING:
    from outcrop.engines.transformers import LoadedBase

#: How often a job is started again by itself after its worker died; an out-of-memory loop must end.
RESTARTS = 3


class Engines:
    """Opens models for computing, and keeps each base loaded once, however many adapters sit on it."""

    def __init__(self, catalog: Catalog, store: Store, device: str) -> None:
        self._catalog = catalog
        self._store = store
        self._device = device
        self._bases: dict[str, LoadedBase] = {}

    def open(self, name: str) -> Engine:
        """An engine for the model of that name or alias.

        Raises:
            NotFound: There is no such model.
            StorageFailure: Its files are missing or cut off.
            NotSupported: It can't be loaded.
        """
        model = self._catalog.model(name)
        folder = self._store.get_folder(model.uri)
        if model.engine == "scripted":
            return ScriptedEngine.load(folder)
        if model.base is None:
            return self._base(model).engine()
        return self._base(self._catalog.model(model.base)).engine(folder)

    def _base(self, model: Model) -> LoadedBase:
        from outcrop.engines.transformers import LoadedBase
        from outcrop.models.device import choose_device

        if model.uri not in self._bases:
            self._bases[model.uri] = LoadedBase(self._store.get_folder(model.uri), choose_device(self._device))
        return self._bases[model.uri]


@dataclass(frozen=True)
class Services:
    """The catalog, the store and the runner that the settings name."""

    settings: Settings
    catalog: Catalog
    store: Store
    runner: Runner

    def submit(self, kind: JobKind, name: str | None, request: dict[str, Any]) -> Job:
        """Write the job's row and hand its id to the runner; the request has been checked before.

        Raises:
            AlreadyExists: A job of that name is there.
        """
        job_id = new_job_id()
        job = Job(job_id, name or f"{kind.value}-{job_id}", kind, Status.QUEUED, request, created=time.time())
        self.catalog.add_job(job)
        self.start(job_id)
        return job

    def start(self, job_id: str) -> None:
        """Start a worker for a queued job."""
        self.catalog.started(job_id, self.runner.start(job_id))

    def recover(self) -> list[str]:
        """Start again what lost its worker, and sweep up; what was started, one sentence each."""
        self.store.sweep()
        sweep_folder(self.settings.home / "scratch")
        done = []
        for job in self.catalog.jobs([*HELD, Status.QUEUED]):
            reason = self._orphaned(job)
            if reason is None:
                continue
            status = Status.QUEUED
            if job.status is not Status.QUEUED:
                status = self.catalog.requeue(job, reason, restarts=RESTARTS)
                self.catalog.log(job.id, "warning", f"{reason}; the job is now {status.value}")
            if status is Status.QUEUED:
                self.start(job.id)
            done.append(f"job {job.name}: {reason}; now {status.value}")
        return done

    def _orphaned(self, job: Job) -> str | None:
        alive = False if job.worker is None else self.runner.alive(job.worker)
        if alive is False:
            process = "no process" if job.worker is None else f"process {job.worker.pid}"
            return f"{process} of its worker is there no more"
        if job.status in HELD and job.lease_until < time.time():
            silent = time.time() - job.lease_until + self.settings.lease_seconds
            return f"its worker has shown no sign of life for {silent:.0f} s"
        return None

    def engines(self) -> Engines:
        """A fresh set of engines, with nothing loaded yet."""
        return Engines(self.catalog, self.store, self.settings.device)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the disk of the home, gone afterwards.

        Raises:
            StorageFailure: It can't be made.
        """
        try:
            (self.settings.home / "scratch").mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(dir=self.settings.home / "scratch")
        except OSError as error:
            raise StorageFailure(f"{self.settings.home}: no folder can be made there ({error.strerror})") from error
        try:
            yield Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of connections."""
        self.catalog.close()


def open_services(settings: Settings) -> Services:
    """The services that the settings name.

    Raises:
        NotSupported: The home folder is from a newer version.
        StorageFailure: The catalog can't be opened.
    """
    runner = ProcessRunner(settings.home / "workers", settings.environment)
    return Services(settings, SqlCatalog(settings.catalog_url), LocalStore(settings.store_folder), runner)


def new_job_id() -> str:
    """Twelve lower-case letters and digits: the shape of a Bedrock job id."""
    alphabet = string.ascii_lowercase + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(12))
