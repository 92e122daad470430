"""Stored log-likelihoods of a job: what is stored is never computed again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import NotFound
from outcrop.domain.generation import LogLikelihood, Spending
from outcrop.domain.jobs import Progress
from outcrop.engines.protocol import Engine, PaidEngine
from outcrop.engines.tally import TRIE_COUNTS
from outcrop.jobs.lease import Lease
from outcrop.stores.protocol import Store

#: Records whose log-likelihoods are computed and stored together; fewer where each has to be paid for.
PART = 256
PAID_PART = 16

Compute = Callable[[Sequence[int]], list[list[LogLikelihood]]]
"""The log-likelihoods of records, by their places: a list for each."""

Counts = Mapping[str, float]


@dataclass(frozen=True)
class StoredLikelihoods:
    """The log-likelihoods of each record, the seconds that they took, and what a remote model cost meanwhile.

    ``counts`` says how they were read (``tally.TRIE_COUNTS``); None where some were stored before that was counted.
    """

    records: tuple[tuple[LogLikelihood, ...], ...] = ()
    seconds: float = 0.0
    spending: Spending = field(default_factory=Spending)
    counts: Counts | None = field(default_factory=dict)

    def __add__(self, other: StoredLikelihoods) -> StoredLikelihoods:
        return StoredLikelihoods(
            self.records + other.records,
            self.seconds + other.seconds,
            self.spending + other.spending,
            None if self.counts is None or other.counts is None else _sum(self.counts, other.counts),
        )


class LikelihoodBook:
    """The stored log-likelihoods of one model on one dataset of a job; ``place`` is theirs among the job's."""

    def __init__(self, store: Store, lease: Lease, place: str, model: str) -> None:
        self._store = store
        self._lease = lease
        self._model = model
        self._folder = f"jobs/{lease.job.id}/likelihoods/{place}"

    def fill(self, count: int, compute: Compute, engine: Engine) -> StoredLikelihoods:
        """Compute what is not stored yet, part by part.

        Args:
            count: How many records there are.
            compute: Computes a part.
            engine: What it computes with.

        Raises:
            LeaseLost, StopAsked: See ``Lease.check``.
            OverBudget, RemoteRefusal, RemoteFailure: See ``PaidEngine.generate_keeping``.
        """
        found = StoredLikelihoods()
        size = PAID_PART if isinstance(engine, PaidEngine) else PART
        for start in range(0, count, size):
            self._lease.check()
            found += self._part(range(start, min(start + size, count)), compute, engine)
            done = len(found.records)
            rate = done / found.seconds if found.seconds else 0.0
            eta = (count - done) / rate if rate else None
            self._lease.progress(Progress(f"scoring with {self._model}", done, count, rate, "records", eta))
        return found

    def _part(self, places: Sequence[int], compute: Compute, engine: Engine) -> StoredLikelihoods:
        key = f"{self._folder}/{places[0]}.json"
        try:
            stored = json.loads(self._store.read(key))
            if isinstance(engine, PaidEngine):
                engine.charge(from_json(Spending, stored["spending"], key))
        except NotFound:
            began, spent, counts = time.perf_counter(), _spending(engine), _counts(engine)
            found = compute(places)
            # Of what metrics need; each token's log-probability would be many times as much.
            stored = {
                "seconds": time.perf_counter() - began,
                "spending": to_json(_spending(engine) - spent),
                "counts": {name: count - counts[name] for name, count in _counts(engine).items()},
                "records": [[{**to_json(one), "token_logprobs": []} for one in each] for each in found],
            }
            self._lease.hold()
            self._store.write(key, json.dumps(stored).encode())
        records = tuple(tuple(from_json(LogLikelihood, one, key) for one in each) for each in stored["records"])
        spending = from_json(Spending, stored["spending"], key)
        return StoredLikelihoods(records, stored["seconds"], spending, stored.get("counts"))


def _spending(engine: Engine) -> Spending:
    return engine.spending if isinstance(engine, PaidEngine) else Spending()


def _counts(engine: Engine) -> Counts:
    figures = engine.figures()
    return {name: figures[name] for name in TRIE_COUNTS if name in figures}


def _sum(one: Counts, other: Counts) -> Counts:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}
