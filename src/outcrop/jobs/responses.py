"""A model's responses to a dataset: generated batch by batch, stored as each batch is done, never generated again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from outcrop.domain.errors import NotFound
from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.engines.protocol import Batch, Generator, PaidEngine
from outcrop.jobs.lease import Lease
from outcrop.jobs.paid_responses import PaidBatch, describe
from outcrop.jobs.rate import Rate, Tell, further
from outcrop.jobs.response_cache import ResponseCache
from outcrop.jobs.stored_responses import StoredResponses, decode
from outcrop.stores.protocol import Store

__all__ = ["ResponseBook", "StoredResponses"]


class ResponseBook:
    """The stored responses of one model, or of some that answer together, on one dataset of a job.

    Args:
        store: Where they lie.
        lease: The job's.
        place: Theirs among the job's.
        model: The model's name, or those of all.
        cache: What was answered in earlier jobs; None for a model without one.
        refusals: Whether a prompt that a remote model refuses is answered with the refusal; see ``PaidBatch``.
    """

    def __init__(
        self,
        store: Store,
        lease: Lease,
        place: str,
        model: str,
        cache: ResponseCache | None = None,
        *,
        refusals: bool = False,
    ) -> None:
        self._store = store
        self._lease = lease
        self._model = model
        self._cache = cache
        self._refusals = refusals
        self._folder = f"jobs/{lease.job.id}/responses/{place}"

    def fill(
        self,
        engine: Generator,
        prompts: Sequence[Prompt],
        parameters: GenerationParameters,
        tell: Tell | None = None,
    ) -> StoredResponses:
        """Generate what is not stored yet, in the batches that were planned before the first one ran.

        Args:
            engine: Who answers.
            prompts: What it is asked; each has a number of its own.
            parameters: How it answers.
            tell: Hears how many responses are there, of these prompts; the job's progress where None.

        Raises:
            LeaseLost, StopAsked: See ``Lease.check``.
            OverBudget, RemoteRefusal, RemoteFailure: See ``PaidEngine.generate_keeping``.
        """
        plan = self._plan(engine, prompts, parameters)
        found = StoredResponses()
        tell = tell or Rate(self._lease, f"generating with {self._model}", len(prompts)).tell
        by_number = {prompt.number: prompt for prompt in prompts}
        for place, batch in enumerate(plan):
            self._lease.check()
            asked = [by_number[number] for number in batch]
            found += self._batch(engine, place, asked, parameters, partial(further, tell, len(found.responses)))
        if isinstance(engine, PaidEngine) and (figures := engine.figures())["requests"]:
            self._lease.log(f"{self._model}: {describe(figures)}")
        answers = {response.number: response for response in found.responses}
        return replace(found, responses=tuple(answers[prompt.number] for prompt in prompts))

    def stored(self) -> list[Response]:
        """The responses that are stored, in any order, those of a batch that is not whole included."""
        keys = [entry.key for entry in self._store.entries(f"{self._folder}/")]
        files = [decode(self._store.read(key), key) for key in keys if not key.endswith("/plan.json")]
        return [response for file in files for response in file.responses]

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
            batch = PaidBatch(self._store, self._lease, f"{key.removesuffix('.json')}.kept", refusals=self._refusals)
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
