"""A model's responses to a dataset: generated batch by batch, stored as each batch is done, never generated again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from outcrop.domain.errors import NotFound
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.jobs import Progress
from outcrop.engines.protocol import Batch, Generator, PaidEngine
from outcrop.jobs.lease import Lease
from outcrop.jobs.paid_responses import PaidBatch, describe
from outcrop.jobs.response_cache import ResponseCache
from outcrop.jobs.stored_responses import StoredResponses, decode
from outcrop.stores.protocol import Store

__all__ = ["ResponseBook", "StoredResponses"]

Tell = Callable[[int, int, float], None]
"""Called with responses of a batch that are there, and tokens and seconds of those that came last."""


class ResponseBook:
    """The stored responses of one model, or of some that answer together, on one dataset of a job.

    Args:
        store: Where they lie.
        lease: The job's.
        place: Theirs among the job's.
        model: The model's name, or those of all.
        cache: What was answered in earlier jobs; None for a model without one.
    """

    def __init__(self, store: Store, lease: Lease, place: str, model: str, cache: ResponseCache | None = None) -> None:
        self._store = store
        self._lease = lease
        self._model = model
        self._cache = cache
        self._folder = f"jobs/{lease.job.id}/responses/{place}"

    def fill(self, engine: Generator, prompts: Sequence[Prompt], parameters: GenerationParameters) -> StoredResponses:
        """Generate what is not stored yet, in the batches that were planned before the first one ran.

        Raises:
            LeaseLost, StopAsked: See ``Lease.check``.
            OverBudget, RemoteRefusal, RemoteFailure: See ``PaidEngine.generate_keeping``.
        """
        plan = self._plan(engine, prompts, parameters)
        found = StoredResponses()
        watch = _Rate(self._lease, f"generating with {self._model}", len(prompts))
        for place, batch in enumerate(plan):
            self._lease.check()
            asked = [prompts[number] for number in batch]
            found += self._batch(engine, place, asked, parameters, partial(watch.tell, len(found.responses)))
        if isinstance(engine, PaidEngine) and (figures := engine.figures())["requests"]:
            self._lease.log(f"{self._model}: {describe(figures)}")
        by_number = {response.number: response for response in found.responses}
        return replace(found, responses=tuple(by_number[prompt.number] for prompt in prompts))

    def _plan(self, engine: Generator, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Batch]:
        key = f"{self._folder}/plan.json"
        try:
            return [tuple(batch) for batch in json.loads(self._store.read(key))]
        except NotFound:
            plan = engine.plan(prompts, parameters)
            self._store.write(key, json.dumps(plan).encode())
            return plan

    def _batch(
        self, engine: Generator, place: int, prompts: Sequence[Prompt], parameters: GenerationParameters, tell: Tell
    ) -> StoredResponses:
        """A batch's responses: as they are stored, or else generated and stored."""
        key = f"{self._folder}/{place}.json"
        try:
            found = decode(self._store.read(key), key)
        except NotFound:
            return self._generated(engine, key, prompts, parameters, tell)
        if isinstance(engine, PaidEngine):
            engine.charge(found.spending)
        tell(len(found.responses), 0, 0.0)
        return found

    def _generated(
        self, engine: Generator, key: str, prompts: Sequence[Prompt], parameters: GenerationParameters, tell: Tell
    ) -> StoredResponses:
        if isinstance(engine, PaidEngine):
            batch = PaidBatch(self._store, self._lease, f"{key.removesuffix('.json')}.kept")
            found = batch.fill(engine, prompts, parameters, tell)
            self._write(key, found)
            batch.remove()
            return found
        if self._cache is not None and (kept := self._cache.find(prompts, parameters)):
            self._write(key, kept)
            tell(len(kept.responses), 0, 0.0)
            self._lease.log(f"{self._model}: {len(kept.responses)} responses were kept from an earlier job")
            return kept
        began = time.perf_counter()
        responses = engine.generate(prompts, parameters)
        found = StoredResponses(tuple(responses), time.perf_counter() - began)
        self._write(key, found)
        if self._cache is not None:
            self._cache.keep(prompts, parameters, found)
        tell(len(found.responses), found.tokens, found.seconds)
        return found

    def _write(self, key: str, found: StoredResponses) -> None:
        self._lease.hold()
        self._store.write(key, found.encode())


class _Rate:
    """Progress in records, with a rate over what was generated by this process."""

    def __init__(self, lease: Lease, phase: str, total: int) -> None:
        self._lease = lease
        self._phase = phase
        self._total = total
        self._tokens = 0
        self._seconds = 0.0
        self._records = 0
        self._last = 0
        lease.progress(Progress(phase, 0, total))

    def tell(self, before: int, done: int, tokens: int, seconds: float) -> None:
        """``before + done`` records are stored; the last made ``tokens`` in ``seconds``, 0 if stored before."""
        done += before
        if seconds:
            self._tokens += tokens
            self._seconds += seconds
            self._records += done - self._last
        self._last = done
        rate = self._tokens / self._seconds if self._seconds else 0.0
        eta = (self._total - done) * self._seconds / self._records if self._records else None
        self._lease.progress(Progress(self._phase, done, self._total, rate, "tokens", eta))
