from __future__ import annotations

from collections.abc import Sequence

import pytest

from outcrop.catalog.protocol import Claim
from outcrop.domain.generation import LogLikelihood
from outcrop.jobs import likelihoods
from outcrop.jobs.lease import Lease
from outcrop.jobs.likelihoods import LikelihoodBook
from outcrop.services import Services


class Counting:
    """Computes one log-likelihood for each place, notes which, and ends when it is told to."""

    def __init__(self, ends_at: int | None = None) -> None:
        self.asked: list[int] = []
        self._ends_at = ends_at

    def __call__(self, places: Sequence[int]) -> list[list[LogLikelihood]]:
        if self._ends_at in places:
            raise RuntimeError("killed")
        self.asked += places
        return [[LogLikelihood(-float(place), 1, greedy=True, token_logprobs=(-1.0,))] for place in places]


def test_what_is_stored_is_never_computed_again(
    services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likelihoods, "PART", 4)

    def fill(compute: Counting) -> list[float]:
        lease = Lease(services.catalog, claim, 600)
        stored = LikelihoodBook(services.store, lease, "0/0", "m").fill(10, compute)
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
