"""Stored log-likelihoods of a job: what is stored is never computed again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import NotFound
from outcrop.domain.generation import LogLikelihood
from outcrop.domain.jobs import Progress
from outcrop.jobs.lease import Lease
from outcrop.stores.protocol import Store

#: Records whose log-likelihoods are computed and stored together.
PART = 256

Compute = Callable[[Sequence[int]], list[list[LogLikelihood]]]
"""The log-likelihoods of records, by their places: a list for each."""


@dataclass(frozen=True)
class StoredLikelihoods:
    """The log-likelihoods of each record, and the seconds that computing them took."""

    records: tuple[tuple[LogLikelihood, ...], ...]
    seconds: float


class LikelihoodBook:
    """The stored log-likelihoods of one model on one dataset of a job; ``place`` is theirs among the job's."""

    def __init__(self, store: Store, lease: Lease, place: str, model: str) -> None:
        self._store = store
        self._lease = lease
        self._model = model
        self._folder = f"jobs/{lease.job.id}/likelihoods/{place}"

    def fill(self, count: int, compute: Compute) -> StoredLikelihoods:
        """Compute what is not stored yet, part by part.

        Raises:
            LeaseLost, StopAsked: See ``Lease.check``.
        """
        found: list[tuple[LogLikelihood, ...]] = []
        seconds = 0.0
        for start in range(0, count, PART):
            self._lease.check()
            part, took = self._part(range(start, min(start + PART, count)), compute)
            found += part
            seconds += took
            rate = len(found) / seconds if seconds else 0.0
            eta = (count - len(found)) / rate if rate else None
            self._lease.progress(Progress(f"scoring with {self._model}", len(found), count, rate, "records", eta))
        return StoredLikelihoods(tuple(found), seconds)

    def _part(self, places: Sequence[int], compute: Compute) -> tuple[list[tuple[LogLikelihood, ...]], float]:
        key = f"{self._folder}/{places[0]}.json"
        try:
            stored = json.loads(self._store.read(key))
        except NotFound:
            began = time.perf_counter()
            found = compute(places)
            # Of what metrics need; each token's log-probability would be many times as much.
            stored = {
                "seconds": time.perf_counter() - began,
                "records": [[{**to_json(one), "token_logprobs": []} for one in each] for each in found],
            }
            self._lease.hold()
            self._store.write(key, json.dumps(stored).encode())
        return [tuple(from_json(LogLikelihood, one, key) for one in each) for each in stored["records"]], stored[
            "seconds"
        ]
