"""What the requests to one model came to: tokens, money, failures, times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from outcrop.domain.generation import Spending
from outcrop.engines.remote.failures import PassingFailure
from outcrop.engines.remote.ledger import Ledger
from outcrop.engines.remote.protocol import Usage


class Account:
    """One model's part of a ledger, and counts of what happened to its requests."""

    def __init__(self, ledger: Ledger, price: Callable[[Usage], Spending]) -> None:
        """Begin with nothing.

        Args:
            ledger: That of the job, shared with its other models.
            price: What usage costs.
        """
        self.ledger = ledger
        self.price = price
        self.spent = Spending()
        self._lost = Spending()
        self._answered = self._retries = self._throttled = 0
        self._seconds: list[float] = []

    def set_aside(self, most: Spending) -> bool:
        """See ``Ledger.set_aside``."""
        return self.ledger.set_aside(most)

    def release(self, most: Spending) -> None:
        """A request ended that cost nothing."""
        self.ledger.settle(most, Spending())

    def answered(self, most: Spending, usage: Usage, seconds: float) -> None:
        """A request was answered after some seconds."""
        self._answered += 1
        self._seconds.append(seconds)
        self._pay(most, self.price(usage))

    def failed(self, most: Spending, failure: PassingFailure) -> None:
        """A request failed, and is or is not to be paid for."""
        self._retries += 1
        self._throttled += failure.throttled
        if failure.charged:
            self.lost(most)
        else:
            self.release(most)

    def lost(self, most: Spending) -> None:
        """The model may have worked on a request whose usage is not known: it counts with the most that it can cost."""
        self._lost += most
        self._pay(most, most)

    def _pay(self, most: Spending, spent: Spending) -> None:
        self.spent += spent
        self.ledger.settle(most, spent)

    def figures(self) -> dict[str, float]:
        """Counts, money, and quantiles of the seconds that a successful request took.

        ``retries`` are all requests that failed, ``throttled`` those of them that came too fast for the server, and
        ``lost_cost`` is the part of ``cost`` that may have been charged for answers which never came whole.
        """
        figures = {
            "requests": float(self._answered),
            "retries": float(self._retries),
            "throttled": float(self._throttled),
            "cost": self.spent.cost,
            "lost_cost": self._lost.cost,
            "lost_tokens": float(self._lost.tokens),
        }
        if self._seconds:
            for percent, value in zip((50, 90, 99), np.percentile(self._seconds, (50, 90, 99)), strict=True):
                figures[f"latency_p{percent}"] = float(value)
        return figures
