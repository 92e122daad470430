"""How many requests a key may make."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import islice


class RateLimits:
    """A token bucket for each key: so many requests a second in the long run, and a burst at once.

    A full bucket is no different from none, so the buckets of keys that are idle are forgotten.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Full buckets for everybody.

        Args:
            rate: Requests a second, above 0.
            burst: Requests that a key which was idle may make at once, 1 or more.
            clock: Seconds that never go back.
        """
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        # When each bucket will be full again; the one that was used longest ago comes first.
        self._full_at: dict[str, float] = {}

    def take(self, key_id: str) -> float:
        """Count a request; 0.0 where it may be made, else the seconds after which the key may make one again.

        A request that may not be made does not count. Answer it with ``ThrottlingException`` and status 429.
        """
        with self._lock:
            now = self._clock()
            full_at = max(self._full_at.get(key_id, now), now) + 1 / self._rate
            over = full_at - now - self._burst / self._rate
            # A request that comes to the very moment it may: not refused for the last bit of a sum.
            if over > 1e-9:
                return over
            self._full_at.pop(key_id, None)
            self._full_at[key_id] = full_at
            self._forget(now)
            return 0.0

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._full_at)

    def _forget(self, now: float) -> None:
        """Up to two buckets that are full again, of those that were used longest ago: a request adds one at most."""
        for key_id in list(islice(self._full_at, 2)):
            if self._full_at[key_id] <= now:
                del self._full_at[key_id]
