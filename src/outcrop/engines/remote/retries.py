"""When a request that failed is made again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from outcrop.engines.remote.failures import PassingFailure


@dataclass(frozen=True)
class Patience:
    """How long is waited; all in seconds.

    Attributes:
        timeout: For one answer, from the connection to its last byte.
        total: For one request with all its repetitions.
        first_contact: As ``total``, for a server that was never reached: its address may be wrong.
        base: The longest pause before the first repetition; it doubles with each one.
        longest: The longest pause.
    """

    timeout: float = 120.0
    total: float = 900.0
    first_contact: float = 30.0
    base: float = 0.5
    longest: float = 30.0

    def pause(self, failures: int, failure: PassingFailure, jitter: random.Random) -> float:
        """Seconds until a request is made again: exponential backoff with full jitter.

        That is a random part of ``base * 2 ** (failures - 1)``, so that requests that failed together do not come back
        together ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015). A server that says how long it wants
        to be left alone is left alone for that long first.

        Args:
            failures: How often the request has failed, 1 or more.
            failure: The last time.
            jitter: Where the random part comes from.
        """
        ceiling = min(self.longest, self.base * 2.0 ** min(failures - 1, 60))
        return (failure.retry_after or 0.0) + jitter.uniform(0.0, ceiling)

    def limit(self, failure: PassingFailure, *, reached: bool) -> float:
        """Seconds that a request may take in all; ``reached`` says whether the server has ever answered."""
        return min(self.total, self.first_contact) if failure.unreachable and not reached else self.total
