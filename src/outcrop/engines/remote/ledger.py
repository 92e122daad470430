"""What was spent, and whether a further request fits into the budget."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from outcrop.domain.generation import Spending

#: Sums of many prices are not exact.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Budget:
    """The most that may be spent; None for no end.

    Attributes:
        cost: Money, in the currency of the prices.
        tokens: Tokens, those of prompts included.
    """

    cost: float | None = None
    tokens: int | None = None


class Ledger:
    """Spending of one job or command, on all remote models together.

    Before a request begins, the most that it can cost is set aside. So what is spent never exceeds the budget, unless a
    server charges for more tokens than it was allowed to write.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._spent = Spending()
        self._set_aside = Spending()
        self._lock = threading.Lock()

    @property
    def spent(self) -> Spending:
        """What was spent so far."""
        return self._spent

    def set_aside(self, most: Spending) -> bool:
        """Set aside what a request can cost; False, and nothing is, where that is more than the budget leaves."""
        with self._lock:
            after = self._spent + self._set_aside + most
            cost, tokens = self.budget.cost, self.budget.tokens
            if tokens is not None and after.tokens > tokens:
                return False
            if cost is not None and after.cost > cost * (1 + _ROUNDING):
                return False
            self._set_aside += most
            return True

    def settle(self, most: Spending, spent: Spending) -> None:
        """Take back what was set aside for a request, and count what it cost."""
        with self._lock:
            self._set_aside -= most
            self._spent += spent

    def charge(self, spent: Spending) -> None:
        """Count what was spent elsewhere, before."""
        self.settle(Spending(), spent)

    def refusal(self, most: Spending) -> str:
        """Why a request is not made, and what to do."""
        parts = []
        if self.budget.cost is not None:
            parts.append(f"{self._spent.cost:.6g} of {self.budget.cost:.6g} spent, {most.cost:.6g} the next may cost")
        if self.budget.tokens is not None:
            parts.append(
                f"{self._spent.tokens:,} of {self.budget.tokens:,} tokens used, {most.tokens:,} the next may take"
            )
        return (
            f"the budget leaves no room for another request ({'; '.join(parts)}); what came is kept; to go on, raise "
            "OUTCROP_BUDGET or OUTCROP_TOKEN_BUDGET and resume the job"
        )
