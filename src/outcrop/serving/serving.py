"""The models that answer: each base and its adapters in a worker, started when they are first asked."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.deployments import Deployment, DeploymentKind
from outcrop.domain.errors import ModelFailed, OutcropError, Throttled
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.models import Model
from outcrop.domain.units import size
from outcrop.models.memory import free_memory
from outcrop.services import Services
from outcrop.serving.messages import GOES_ON, Answer, Ask, Count, Counted, Embed, Embedded, Held, Load, Request
from outcrop.serving.process import Sink, WorkerProcess

T = TypeVar("T")

#: Bytes that a worker takes besides the weights, which it holds in float32: libraries, keys and values.
_BESIDES = 2**30
_WEIGHT = 4

#: A base whose worker ended so often within so many seconds is left alone until some of them are longer ago.
_CRASHES, _WITHIN = 3, 60.0


@dataclass(frozen=True)
class Loaded:
    """A base that is held by a worker.

    Attributes:
        name: The base's.
        pid: The worker's process.
        in_flight: Requests that it owes an answer.
        prompt_tokens, tokens: Those of the prompts that it answered, and of its responses.
        since: When it was started, seconds since the epoch.
    """

    name: str
    pid: int
    in_flight: int
    prompt_tokens: int
    tokens: int
    since: float


class Serving:
    """Answers requests to the models of one home; safe to use from many threads.

    What is given to a sink is in the end a ``Finished``, or an error.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        # Never held for long: the server's event loop takes it too.
        self._lock = threading.Lock()
        # Held while a worker is started or ended, which may take seconds.
        self._changing = threading.Lock()
        self._workers: dict[str, WorkerProcess] = {}
        self._kept: frozenset[str] = frozenset()
        self._of_deployment: Counter[str] = Counter()
        self._crashes: dict[str, deque[float]] = {}

    def ask(
        self,
        model: Model,
        prompt: Prompt,
        parameters: GenerationParameters,
        sink: Sink,
        deployment: Deployment | None = None,
    ) -> Callable[[], None]:
        """Have a model answer.

        Args:
            model: One that writes text.
            prompt: What is asked.
            parameters: How the response is generated.
            sink: Called with what comes, in a thread that must not wait: ``Began``, ``Told`` …, ``Finished``; or an
                error, after which nothing comes.
            deployment: The provisioned throughput whose units the request counts against; None for none.

        Returns:
            What is called when nobody waits for the answer any more; once it has ended, that does nothing.

        Raises:
            Throttled: The model, or the deployment, has as many requests as it takes; or there is no memory for it.
            ModelFailed: Its worker ended again and again.
            StorageFailure: No worker can be started.
        """
        release = self._admit(deployment)

        def counted(answer: Answer | OutcropError) -> None:
            if not isinstance(answer, GOES_ON):
                release()
            sink(answer)

        try:
            worker, number = self._send(
                model, lambda held: lambda number: Ask(number, held, prompt, parameters), counted
            )
        except BaseException:
            release()
            raise

        def cancel() -> None:
            worker.cancel(number)
            release()

        return cancel

    def load(self, model: Model) -> Future[None]:
        """Have a model ready before it is asked.

        Raises:
            As ``ask``; what is found out later is the future's.
        """
        return self._future(model, lambda held: lambda number: Load(number, held), lambda _: None)

    def count(self, model: Model, prompt: Prompt) -> Future[int]:
        """How many tokens a model reads of a prompt; see ``Engine.count``.

        Raises:
            As ``ask``; what is found out later is the future's.
        """
        return self._future(model, lambda held: lambda number: Count(number, held, prompt), _tokens)

    def embed(self, model: Model, texts: Collection[str]) -> Future[tuple[NDArray[np.float32], int]]:
        """One vector of length 1 per text, ``(texts, width)``, and how many tokens were read for them.

        Raises:
            As ``ask``; what is found out later is the future's.
        """
        return self._future(model, lambda held: lambda number: Embed(number, held, tuple(texts)), _vectors)

    def keep(self, models: Collection[Model]) -> None:
        """Say which models deployments name: they stay loaded, and no others are unloaded for them."""
        self._kept = frozenset(self._base(model).uri for model in models)

    def holds(self, model: Model) -> bool:
        """Whether a model's base is loaded, or being loaded."""
        return self._running(self._base(model)) is not None

    def unload_idle(self) -> list[str]:
        """Unload what nobody asked for long, and no deployment names; the names of these bases."""
        before = time.monotonic() - self._services.settings.idle_seconds
        with self._changing:
            idle = [uri for uri, worker in self._unneeded() if worker.used < before]
            return [self._unload(uri) for uri in idle]

    def loaded(self) -> list[Loaded]:
        """What is held now."""
        with self._lock:
            workers = list(self._workers.values())
        return [Loaded(one.name, one.pid, one.in_flight, one.prompt_tokens, one.tokens, one.began) for one in workers]

    def close(self) -> None:
        """Unload everything; who still waits is told."""
        with self._changing:
            with self._lock:
                workers, self._workers = list(self._workers.values()), {}
            for worker in workers:
                worker.close()

    def _future(
        self, model: Model, message: Callable[[Held], Callable[[int], Request]], read: Callable[[Answer], T]
    ) -> Future[T]:
        future: Future[T] = Future()

        def sink(answer: Answer | OutcropError) -> None:
            if isinstance(answer, OutcropError):
                future.set_exception(answer)
            else:
                future.set_result(read(answer))

        self._send(model, message, sink)
        return future

    def _send(
        self, model: Model, message: Callable[[Held], Callable[[int], Request]], sink: Sink
    ) -> tuple[WorkerProcess, int]:
        most = self._services.settings.model_requests
        worker = self._worker(self._base(model))
        number = worker.ask(message(Held(model.name, model.uri)), sink, most)
        if number is None:
            raise Throttled(
                f"{worker.name} has {most} requests that it answers or holds waiting, and takes no more; ask again "
                "later, or raise OUTCROP_MODEL_REQUESTS"
            )
        return worker, number

    def _base(self, model: Model) -> Model:
        return model if model.base is None else self._services.catalog.model(model.base)

    def _admit(self, deployment: Deployment | None) -> Callable[[], None]:
        """Count a request against its deployment; what ends that, once, however often it is called."""
        if deployment is None or deployment.kind is not DeploymentKind.PROVISIONED:
            return lambda: None
        most = deployment.units * self._services.settings.unit_requests
        with self._lock:
            if self._of_deployment[deployment.id] >= most:
                raise Throttled(
                    f"the provisioned throughput {deployment.name} has {deployment.units} model units, which answer or "
                    f"hold waiting {most} requests; ask again later, or give it more units"
                )
            self._of_deployment[deployment.id] += 1
        open_places = [deployment.id]

        def release() -> None:
            with self._lock:
                for each in open_places:
                    self._of_deployment[each] -= 1
                open_places.clear()

        return release

    def _worker(self, base: Model) -> WorkerProcess:
        """The worker that holds a base; started where none does."""
        return self._running(base) or self._started(base)

    def _running(self, base: Model) -> WorkerProcess | None:
        with self._lock:
            worker = self._workers.get(base.uri)
            return worker if worker is not None and worker.failure is None else None

    def _started(self, base: Model) -> WorkerProcess:
        with self._changing:
            # Somebody else may have started it while this one waited.
            if (worker := self._running(base)) is not None:
                return worker
            self._require_steady(base)
            self._make_room(base)
            settings = self._services.settings
            output = settings.home / "workers" / f"serving-{base.name.replace('/', '-')[:80]}.txt"
            worker = WorkerProcess(base.name, settings.environment, output, partial(self._note, base.uri))
            with self._lock:
                self._workers[base.uri] = worker
            return worker

    def _note(self, uri: str, worker: WorkerProcess) -> None:
        """A worker ended."""
        with self._lock:
            if worker.crashed:
                self._crashes.setdefault(uri, deque(maxlen=_CRASHES)).append(time.monotonic())
            if self._workers.get(uri) is worker:
                del self._workers[uri]

    def _require_steady(self, base: Model) -> None:
        crashes = self._crashes.get(base.uri)
        if crashes and len(crashes) == _CRASHES and (left := crashes[0] + _WITHIN - time.monotonic()) > 0:
            raise ModelFailed(
                f"what computes {base.name} ended {_CRASHES} times within {_WITHIN:.0f} s; it is started again in "
                f"{left:.0f} s. {self._services.settings.home / 'workers'} has what it printed"
            )

    def _make_room(self, base: Model) -> None:
        """Unload what nobody needs, the longest unasked first, until there is memory for a base.

        Raises:
            Throttled: There is none.
        """
        if base.engine in ("scripted", "remote"):
            return
        needed = base.parameters * _WEIGHT + _BESIDES
        while needed > (free := free_memory()):
            unneeded = sorted(self._unneeded(), key=lambda each: each[1].used)
            if not unneeded:
                raise Throttled(
                    f"{base.name} needs {size(needed)} of memory, and {size(max(0, free))} are free; ask again when "
                    "other models are idle, or delete deployments"
                )
            self._unload(unneeded[0][0])

    def _unneeded(self) -> list[tuple[str, WorkerProcess]]:
        with self._lock:
            return [(uri, one) for uri, one in self._workers.items() if uri not in self._kept and not one.in_flight]

    def _unload(self, uri: str) -> str:
        with self._lock:
            worker = self._workers.pop(uri)
        worker.close()
        return worker.name


def _tokens(answer: Answer) -> int:
    assert isinstance(answer, Counted)
    return answer.tokens


def _vectors(answer: Answer) -> tuple[NDArray[np.float32], int]:
    assert isinstance(answer, Embedded)
    return answer.vectors, answer.tokens
