"""Stored log-likelihoods of a job: what is stored is never computed again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import NotFound
from outcrop.domain.generation import LogLikelihood, Spending
from outcrop.domain.jobs import Progress
from outcrop.engines.protocol import PaidEngine
from outcrop.jobs.lease import Lease
from outcrop.stores.protocol import Store

#: Records whose log-likelihoods are computed and stored together; fewer where each has to be paid for.
PART = 256
PAID_PART = 16

Compute = Callable[[Sequence[int]], list[list[LogLikelihood]]]
"""The log-likelihoods of records, by their places: a list for each."""


@dataclass(frozen=True)
class StoredLikelihoods:
    """The log-likelihoods of each record, the seconds that they took, and what a remote model cost meanwhile."""

    records: tuple[tuple[LogLikelihood, ...], ...] = ()
    seconds: float = 0.0
    spending: Spending = field(default_factory=Spending)

    def __add__(self, other: StoredLikelihoods) -> StoredLikelihoods:
        return StoredLikelihoods(
            self.records + other.records, self.seconds + other.seconds, self.spending + other.spending
        )


class LikelihoodBook:
    """The stored log-likelihoods of one model on one dataset of a job; ``place`` is theirs among the job's."""

    def __init__(self, store: Store, lease: Lease, place: str, model: str) -> None:
        self._store = store
        self._lease = lease
        self._model = model
        self._folder = f"jobs/{lease.job.id}/likelihoods/{place}"

    def fill(self, count: int, compute: Compute, paid: PaidEngine | None = None) -> StoredLikelihoods:
        """Compute what is not stored yet, part by part.

        Args:
            count: How many records there are.
            compute: Computes a part.
            paid: The engine that computes, where its model has to be paid for.

        Raises:
            LeaseLost, StopAsked: See ``Lease.check``.
            OverBudget, RemoteRefusal, RemoteFailure: See ``PaidEngine.generate_keeping``.
        """
        found = StoredLikelihoods()
        size = PART if paid is None else PAID_PART
        for start in range(0, count, size):
            self._lease.check()
            found += self._part(range(start, min(start + size, count)), compute, paid)
            done = len(found.records)
            rate = done / found.seconds if found.seconds else 0.0
            eta = (count - done) / rate if rate else None
            self._lease.progress(Progress(f"scoring with {self._model}", done, count, rate, "records", eta))
        return found

    def _part(self, places: Sequence[int], compute: Compute, paid: PaidEngine | None) -> StoredLikelihoods:
        key = f"{self._folder}/{places[0]}.json"
        try:
            stored = json.loads(self._store.read(key))
            if paid is not None:
                paid.charge(from_json(Spending, stored["spending"], key))
        except NotFound:
            began, before = time.perf_counter(), Spending() if paid is None else paid.spending
            found = compute(places)
            # Of what metrics need; each token's log-probability would be many times as much.
            stored = {
                "seconds": time.perf_counter() - began,
                "spending": to_json(Spending() if paid is None else paid.spending - before),
                "records": [[{**to_json(one), "token_logprobs": []} for one in each] for each in found],
            }
            self._lease.hold()
            self._store.write(key, json.dumps(stored).encode())
        records = tuple(tuple(from_json(LogLikelihood, one, key) for one in each) for each in stored["records"])
        return StoredLikelihoods(records, stored["seconds"], from_json(Spending, stored["spending"], key))
