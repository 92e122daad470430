from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from outcrop.catalog.protocol import Claim
from outcrop.domain.generation import LogLikelihood
from outcrop.engines.scripted import Script, ScriptedEngine
from outcrop.jobs import likelihoods
from outcrop.jobs.lease import Lease
from outcrop.jobs.likelihoods import LikelihoodBook
from outcrop.services import Services


class Counting(ScriptedEngine):
    """Computes one log-likelihood for each place, notes which, and ends when it is told to.

    It says that it read as many tokens as the place's number, twice.
    """

    def __init__(self, ends_at: int | None = None) -> None:
        super().__init__(Script())
        self.asked: list[int] = []
        self._ends_at = ends_at

    def __call__(self, places: Sequence[int]) -> list[list[LogLikelihood]]:
        if self._ends_at in places:
            raise RuntimeError("killed")
        self.asked += places
        return [[LogLikelihood(-float(place), 1, greedy=True, token_logprobs=(-1.0,))] for place in places]

    def figures(self) -> dict[str, float]:
        return {"seconds": 1.0, "trie_cells": float(sum(self.asked)), "trie_tokens": 2.0 * sum(self.asked)}


def test_what_is_stored_is_never_computed_again(
    services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likelihoods, "PART", 4)

    def fill(compute: Counting) -> list[float]:
        lease = Lease(services.catalog, claim, 600)
        stored = LikelihoodBook(services.store, lease, "0/0", "m").fill(10, compute, compute)
        assert stored.counts == {"trie_cells": 45, "trie_tokens": 90}
        return [one.logprob for (one,) in stored.records]

    killed = Counting(ends_at=6)
    with pytest.raises(RuntimeError, match="killed"):
        fill(killed)
    assert killed.asked == [0, 1, 2, 3]
    rest = Counting()
    assert fill(rest) == [-float(place) for place in range(10)]
    assert rest.asked == [4, 5, 6, 7, 8, 9]
    again = Counting()
    assert fill(again) == [-float(place) for place in range(10)]
    assert again.asked == []


def test_what_was_stored_without_counts_is_read(services: Services, claim: Claim) -> None:
    book = LikelihoodBook(services.store, Lease(services.catalog, claim, 600), "0/0", "m")
    new = book.fill(3, Counting(), Counting())
    (entry,) = services.store.entries(f"jobs/{claim.job.id}/likelihoods/0/0/")
    plain = json.loads(services.store.read(entry.key))
    del plain["counts"]
    services.store.write(entry.key, json.dumps(plain).encode())
    old = book.fill(3, Counting(), Counting())
    assert (old.records, old.counts) == (new.records, None)
    assert (old + new).counts is None
