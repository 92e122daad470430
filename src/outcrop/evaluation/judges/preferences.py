"""Preferences between two responses, as rows: which one a judge takes, over both orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from outcrop.domain.scores import Comparison, Direction
from outcrop.evaluation import scoring
from outcrop.evaluation.judges.questions import FIRST, SECOND, TIE
from outcrop.evaluation.judges.ratings import widened_comparison
from outcrop.evaluation.scoring import Scored
from outcrop.metrics.lines import LineMean, each

#: Who wins a ruling.
BASELINE, CANDIDATE = "baseline", "candidate"

_WORTH = {BASELINE: 0.0, TIE: 0.5, CANDIDATE: 1.0}


def winner(answer: str, *, swapped: bool) -> str:
    """Who wins by an answer: ``baseline``, ``candidate`` or ``tie``; ``swapped`` has the candidate first."""
    if answer == TIE:
        return TIE
    return CANDIDATE if (answer == FIRST) == swapped else BASELINE


def place_of(won: str, *, swapped: bool) -> str:
    """The answer that makes a winner in an order."""
    if won == TIE:
        return TIE
    return FIRST if (won == CANDIDATE) == swapped else SECOND


@dataclass(frozen=True)
class Preferred:
    """What a judge said of a pair of responses.

    Attributes:
        plain: The winners of the repeats with the baseline first; None where one can't be read.
        swapped: Those with the candidate first.
    """

    plain: tuple[str | None, ...]
    swapped: tuple[str | None, ...]

    @property
    def orders(self) -> tuple[tuple[str | None, ...], tuple[str | None, ...]]:
        """Both orders."""
        return self.plain, self.swapped

    def share(self, unreadable: str | None = None) -> float | None:
        """How far the candidate is preferred, in 0..1; None where an order has no ruling that can be read.

        The mean of both orders, so that a liking for a place takes nothing from either side; a tie counts one half.

        Args:
            unreadable: Who wins where it can't be read; None leaves that out.
        """
        orders = [[won or unreadable for won in order] for order in self.orders]
        worth = [[_WORTH[won] for won in order if won is not None] for order in orders]
        return sum(sum(order) / len(order) for order in worth) / 2 if all(worth) else None

    @property
    def unreadable(self) -> bool:
        """Whether any ruling can't be read."""
        return None in self.plain or None in self.swapped


Pairs = Sequence[Preferred | None]
"""What was said of each record; None where it was not asked."""


@dataclass(frozen=True)
class PreferredBy:
    """What a judge said of a candidate and the baseline by one criterion.

    Attributes:
        name, signature: Of the metric.
        baseline, candidate: The models' names.
        pairs: What was said of each record.
        clusters: What names the cluster of each record; None where records are independent.
        seed: Of what is drawn.
    """

    name: str
    signature: str
    baseline: str
    candidate: str
    pairs: Pairs
    clusters: Sequence[str] | None
    seed: int

    def comparison(self) -> Comparison:
        """The share of records on which the candidate is preferred less that on which the baseline is, in -1..1.

        Its interval is widened by what could not be read; it has no Holm's correction.
        """
        found = self._compared(None)
        if not any(pair is not None and pair.unreadable for pair in self.pairs):
            return found
        return widened_comparison(found, self._compared(BASELINE), self._compared(CANDIDATE))

    def groups(self, categories: Sequence[str | None]) -> list[Comparison]:
        """The same within each category, over what could be read."""
        return scoring.groups(self._scored(None), self._metric(), categories, seed=self.seed, clusters=self.clusters)

    def _metric(self) -> LineMean[float | None]:
        def count(share: float | None) -> tuple[float, ...] | None:
            return None if share is None else (share,)

        return LineMean(self.name, self.signature, ("preferred",), each(count, 1), direction=Direction.HIGHER)

    def _scored(self, unreadable: str | None) -> list[Scored]:
        """How far the baseline is preferred, and how far the candidate is."""
        shares = [None if pair is None else pair.share(unreadable) for pair in self.pairs]
        others = [None if share is None else 1 - share for share in shares]
        metric = self._metric()
        return [
            Scored(model, [], {self.name: metric.prepare(column)})
            for model, column in ((self.baseline, others), (self.candidate, shares))
        ]

    def _compared(self, unreadable: str | None) -> Comparison:
        found = scoring.comparisons(self._scored(unreadable), [self._metric()], seed=self.seed, clusters=self.clusters)
        return replace(found[0], p_holm=None)
