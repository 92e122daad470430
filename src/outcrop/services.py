"""What every verb and every job works with, and the one way a job begins."""

from __future__ import annotations

import random
import secrets
import shutil
import string
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcrop.catalog.protocol import Catalog
from outcrop.catalog.sql import SqlCatalog
from outcrop.data.fetching import fetch_named, is_named
from outcrop.domain.errors import NotFound, NotSupported, OutcropError, StorageFailure
from outcrop.domain.jobs import HELD, Job, JobKind, Status
from outcrop.domain.models import Model
from outcrop.engines.protocol import Embedder, Engine
from outcrop.engines.remote.ledger import Budget, Ledger
from outcrop.engines.remote.opening import open_remote
from outcrop.engines.remote.retries import Patience
from outcrop.engines.scripted import ScriptedEngine
from outcrop.runners.process import ProcessRunner
from outcrop.runners.protocol import Runner
from outcrop.settings import Settings
from outcrop.stores import address
from outcrop.stores.buckets import Buckets
from outcrop.stores.local import sweep_folder
from outcrop.stores.opening import open_buckets, open_store
from outcrop.stores.protocol import Store
from outcrop.stores.s3_service import Tell

if TYPE_CHECKING:
    from outcrop.engines.classifier import TransformersClassifier
    from outcrop.engines.encoder import TransformersEncoder
    from outcrop.engines.transformers import LoadedBase
    from outcrop.engines.vllm import VllmBase

#: How often a job is started again by itself after its worker died; an out-of-memory loop must end.
RESTARTS = 3

#: Seconds in which a worker that was just started need not have spoken yet.
_GRACE = 15.0

#: Seconds that a worker gets to speak after its machine woke up: a few heartbeats.
_WAKING = 3.0


class Engines:
    """Opens models for computing, and keeps each base loaded once, however many adapters sit on it."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        device: str,
        engine: str,
        budget: Budget,
        patience: Patience,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._device = device
        self._engine = engine
        self._patience = patience
        self._ledger = Ledger(budget)
        self._bases: dict[str, LoadedBase | VllmBase] = {}
        self.encoders: dict[str, TransformersEncoder] = {}
        self.classifiers: dict[str, TransformersClassifier] = {}

    def open(self, name: str) -> Engine:
        """An engine for the model of that name or alias.

        Raises:
            NotFound: There is no such model.
            StorageFailure: Its files are missing or cut off.
            NotSupported: It can't be loaded, or is an encoder or a classifier.
            InvalidInput: It is remote, and its key is missing, or its prices where there is a budget.
        """
        model = self._catalog.model(name)
        require_writer(model)
        folder = self._store.get_folder(model.uri)
        if model.engine == "scripted":
            return ScriptedEngine.load(folder)
        if model.engine == "remote":
            # No two workers may come back to a server at the same moments; no response depends on it.
            return open_remote(model.name, folder, self._ledger, self._patience, random.Random())
        if model.base is None:
            return self._base(model).engine()
        return self._base(self._catalog.model(model.base)).engine(folder)

    def encoder(self, name: str) -> TransformersEncoder:
        """The encoder of that name or alias; its weights are read when it is first used.

        Raises:
            NotFound: There is no such model.
            StorageFailure: Its files are missing or cut off.
            NotSupported: It is no encoder, or its tokenizer can't be read.
        """
        from outcrop.engines.encoder import TransformersEncoder
        from outcrop.models.device import choose_device

        try:
            model = self._catalog.model(name)
        except NotFound as error:
            raise NotFound(f"there is no encoder {name!r} here; add it: outcrop models add {name}") from error
        if model.engine != "encoder":
            raise NotSupported(f"{model.name} is no encoder but {_about(model)}; name an encoder")
        if model.name not in self.encoders:
            folder = self._store.get_folder(model.uri)
            device = choose_device(self._device)
            self.encoders[model.name] = TransformersEncoder(folder, model.name, model.identity, device)
        return self.encoders[model.name]

    def embedder(self, name: str) -> Embedder:
        """What gives texts vectors by the model of that name or alias: an encoder, or a model that writes text.

        Raises:
            As ``open`` and ``encoder``.
        """
        return self.encoder(name) if self._catalog.model(name).engine == "encoder" else self.open(name)

    def classifier(self, name: str) -> TransformersClassifier:
        """The classifier of that name or alias; its weights are read when it is first used.

        Raises:
            NotFound: There is no such model.
            StorageFailure: Its files are missing or cut off.
            NotSupported: It is no classifier, or its tokenizer or its labels can't be read.
        """
        from outcrop.engines.classifier import TransformersClassifier
        from outcrop.models.device import choose_device

        try:
            model = self._catalog.model(name)
        except NotFound as error:
            raise NotFound(f"there is no classifier {name!r} here; add it: outcrop models add {name}") from error
        if model.engine != "classifier":
            raise NotSupported(f"{model.name} is no classifier but {_about(model)}; name a classifier")
        if model.name not in self.classifiers:
            folder = self._store.get_folder(model.uri)
            device = choose_device(self._device)
            self.classifiers[model.name] = TransformersClassifier(folder, model.name, model.identity, device)
        return self.classifiers[model.name]

    def _base(self, model: Model) -> LoadedBase | VllmBase:
        if model.uri not in self._bases:
            self._bases[model.uri] = self._new_base(self._store.get_folder(model.uri))
        return self._bases[model.uri]

    def _new_base(self, folder: Path) -> LoadedBase | VllmBase:
        from outcrop.models.device import choose_device

        device = choose_device(self._device)
        if self._engine == "vllm":
            from outcrop.engines.vllm import VllmBase

            return VllmBase(folder, device)
        from outcrop.engines.transformers import LoadedBase

        return LoadedBase(folder, device)


def require_writer(model: Model) -> None:
    """Make sure that a model writes text.

    Raises:
        NotSupported: It is an encoder or a classifier.
    """
    if model.engine == "encoder":
        raise NotSupported(
            f"{model.name} is an encoder: it gives vectors and writes no text; ask a model that does. Metrics such as "
            f"bert_score@{model.name} use it"
        )
    if model.engine == "classifier":
        raise NotSupported(
            f"{model.name} is a classifier: it gives labels scores and writes no text; ask a model that does. "
            f"The metric toxicity@{model.name} uses it"
        )


def _about(model: Model) -> str:
    kinds = {"encoder": "a model that gives vectors", "classifier": "a model that gives labels scores"}
    return kinds.get(model.engine, "a model that writes text")


def require_weights(model: Model) -> None:
    """Make sure that a model's weights are here.

    Raises:
        NotSupported: It is a remote model.
    """
    if model.engine == "remote":
        raise NotSupported(
            f"{model.name} is a remote model: its weights are not here; name a model that was added whole"
        )


@dataclass(frozen=True)
class Services:
    """The catalog, the store and the runner that the settings name."""

    settings: Settings
    catalog: Catalog
    store: Store
    runner: Runner

    @cached_property
    def buckets(self) -> Buckets:
        """Where ``s3://`` addresses lead; decided when the first one is met, since asking boto3 takes a moment."""
        return open_buckets(self.settings)

    def fetch(self, place: str, tell: Tell | None = None) -> Path:
        """A local file with what a place holds: the place itself where it is a path, a copy where it is ``s3://``.

        The dataset of a name, ``Builtin.BoolQ`` or ``hub:OWNER/NAME``, is fetched once and kept in the cache.

        Raises:
            InvalidInput: It begins with ``s3://`` or ``hub:`` and is no address.
            NotFound: There is no such file behind an address, or no such dataset; a path is not looked at.
            NotSupported, MissingExtra: Of a name: see ``data.fetching.fetch_named``.
            StorageFailure: It can't be read.
        """
        if is_named(place):
            return Path(fetch_named(place, self.settings.datasets_folder).path)
        return self.buckets.fetch(address.parse(place), tell) if address.is_address(place) else Path(place)

    def submit(
        self,
        kind: JobKind,
        name: str | None,
        request: dict[str, Any],
        *,
        asked: dict[str, Any] | None = None,
        token: str = "",
    ) -> Job:
        """Write the job's row and hand its id to the runner; the request has been checked before.

        A job of this kind that an earlier request with the same token made is returned as it is.

        Args:
            kind: What it does.
            name: Its name; made up where None.
            request: What it is to do, as plain JSON.
            asked: The same in the words of the wire it came by.
            token: The caller's word for this very request; "" for none.

        Raises:
            AlreadyExists: A job of that name is there.
        """
        job_id = new_job_id()
        now = self.catalog.now()
        named = name or f"{kind.value}-{job_id}"
        new = Job(job_id, named, kind, Status.QUEUED, request, created=now, asked=asked, token=token)
        job = self.catalog.add_job(replace(new, lease_until=now + _GRACE, renewed=now))
        if job.id == job_id:
            self.start(job_id)
        return job

    def resume(self, job_id: str) -> None:
        """Go on with a job that was stopped or failed.

        Raises:
            NotFound: There is no such job.
            IllegalMove: It has not ended, or it is done.
        """
        self.catalog.resume(job_id, grace_seconds=_GRACE)
        self.start(job_id)

    def start(self, job_id: str) -> None:
        """Start a worker for a queued job."""
        self.catalog.started(job_id, self.runner.start(job_id))

    def recover(self) -> list[str]:
        """Start again what lost its worker, and sweep up; what was seen to, one sentence each."""
        self.store.sweep()
        sweep_folder(self.settings.home / "scratch")
        seen = []
        for job in self.catalog.jobs([*HELD, Status.QUEUED]):
            try:
                seen += self._recover(job)
            except OutcropError as error:
                # One job's trouble must not keep others, or the command that looks, from going on.
                seen.append(f"job {job.name}: can't be started again: {error}")
        return seen

    def _recover(self, job: Job) -> list[str]:
        reason = self._orphaned(job)
        if reason is None:
            return []
        status = self.catalog.requeue(job, reason, restarts=RESTARTS, grace_seconds=_GRACE)
        if status is None:
            return []
        self.catalog.log(job.id, "warning", f"{reason}; the job is now {status.value}")
        if status is Status.QUEUED:
            self.start(job.id)
        return [f"job {job.name}: {reason}; now {status.value}"]

    def _orphaned(self, job: Job) -> str | None:
        """Why a job needs another worker; None where it has one, or where one is being started."""
        now = self.catalog.now()
        # A lease that was set later than now is from before the clock went back, and says nothing about now.
        clock_went_back = now < job.renewed
        alive = None if job.worker is None else self.runner.alive(job.worker)
        process = "its worker" if job.worker is None else f"its worker, process {job.worker.pid},"
        if job.status in HELD and alive is False:
            return f"{process} is gone{self.last_words(job)}"
        if now <= job.lease_until and not clock_went_back:
            return None
        if job.status is Status.QUEUED:
            return None if alive else f"{process} never began{self.last_words(job)}"
        if (alive or clock_went_back) and self._wakes_up(job):
            return None
        since = "since the clock went back" if clock_went_back else f"for {now - job.renewed:.0f} s"
        return f"{process} has shown no sign of life {since}"

    def _wakes_up(self, job: Job) -> bool:
        """Whether a process that is there, but silent, speaks within a few heartbeats: the machine may have slept."""
        time.sleep(min(_WAKING, self.settings.lease_seconds))
        return self.catalog.job(job.id).lease_until != job.lease_until

    def last_words(self, job: Job) -> str:
        """The last line that a job's workers printed, after a colon; "" mostly: what they can report, the log has."""
        path = self.settings.home / "workers" / f"{job.id}.txt"
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.is_file() else []
        return f": {lines[-1][:300]}" if lines else ""

    def engines(self) -> Engines:
        """A fresh set of engines, with nothing loaded yet.

        Raises:
            MissingExtra: vLLM is to compute, and is not installed.
        """
        settings = self.settings
        if settings.engine == "vllm":
            from outcrop.engines.vllm_requests import require_vllm

            require_vllm()
        budget = Budget(settings.budget, settings.token_budget)
        patience = Patience(settings.remote_timeout, settings.remote_patience)
        return Engines(self.catalog, self.store, settings.device, settings.engine, budget, patience)

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
        MissingExtra: A database driver or boto3 is needed and not installed.
    """
    runner = ProcessRunner(settings.home / "workers", settings.environment, settings.processes)
    return Services(settings, open_catalog(settings), open_store(settings), runner)


def open_catalog(settings: Settings) -> Catalog:
    """The catalog that the settings name; it raises what ``open_services`` raises."""
    return SqlCatalog(settings.catalog_url)


def new_job_id() -> str:
    """Twelve lower-case letters and digits: the shape of a Bedrock job id."""
    alphabet = string.ascii_lowercase + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(12))
