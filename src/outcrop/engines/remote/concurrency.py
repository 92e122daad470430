"""How many requests are under way at once: as many as the server bears."""

from __future__ import annotations

#: Requests at the beginning; a server that is asked for more than it gives shows so within a few rounds.
_START = 4

#: What is left of the limit when the server says that it is too much.
_DECREASE = 0.7


class Concurrency:
    """Additive increase, multiplicative decrease, after a slow start (Chiu and Jain 1989; RFC 5681 for TCP).

    The limit doubles with each round of answers until the server throttles for the first time; from then on it grows by
    one a round. Throttling takes it to 0.7 of itself, once for all requests that were under way together: they tell the
    same thing. Other failures of the server only keep it from growing for one round. No clock is involved.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(min(_START, most))
        self._slow_start = True
        self._pause = 0
        self._decreases = 0

    @property
    def limit(self) -> int:
        """The most requests that may be under way, 1 or more."""
        return int(self._limit)

    @property
    def decreases(self) -> int:
        """How often the limit was lowered; a request remembers it from when it began."""
        return self._decreases

    def answered(self) -> None:
        """A request was answered."""
        if self._pause:
            self._pause -= 1
            return
        self._limit = min(self._most, self._limit + (1.0 if self._slow_start else 1.0 / self._limit))

    def throttled(self, decreases: int) -> None:
        """A request that began when the limit had been lowered so often was refused as one too many."""
        self._slow_start = False
        if decreases == self._decreases:
            self._limit = max(1.0, self._limit * _DECREASE)
            self._decreases += 1
        self._pause = self.limit

    def failed(self) -> None:
        """A request failed for another reason."""
        self._pause = self.limit
