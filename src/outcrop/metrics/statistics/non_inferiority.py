"""Whether a candidate is worse by no more than one can bear: the question of a gate, not of a contest."""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.scores import Direction
from outcrop.metrics.statistics.paired import PairedDifference


@dataclass(frozen=True)
class NonInferiority:
    """What a margin and an interval say.

    Attributes:
        margin: The largest loss that can be borne, in the unit of the metric.
        loss: The largest loss that the interval leaves possible, below 0 where it leaves only gains; None without one.
        holds: Whether that is less than the margin; None without an interval.
        words: The result as a sentence.
    """

    margin: float
    loss: float | None
    holds: bool | None
    words: str


def non_inferiority(found: PairedDifference, margin: float, direction: Direction) -> NonInferiority:
    """Whether the interval of a paired difference leaves out every loss of the margin or more.

    The bound on the side of the loss lies within the margin: for a metric where higher is better ``low > -margin``,
    where lower is better ``high < margin``. With a 95 % interval, a candidate that is worse by the margin passes with a
    chance of 2.5 %. That nothing was found between two models doesn't show that they are as good: a small sample finds
    nothing either. Source: Piaggio et al., "Reporting of Noninferiority and Equivalence Randomized Trials: Extension of
    the CONSORT 2010 Statement", 2012.

    Args:
        found: Candidate minus baseline.
        margin: The largest loss that can be borne, in the unit of the metric; above 0, and chosen before looking.
        direction: Which way is better.

    Raises:
        InvalidInput: ``margin`` is not above 0, or neither way is better.
    """
    faults = []
    if not margin > 0:
        faults.append(Fault("margin", None, "", f"{margin:g}", "a loss above 0, in the unit of the metric"))
    if direction is Direction.NONE:
        faults.append(Fault("direction", None, "", direction.value, "a metric of which one way is better"))
    if faults:
        raise InvalidInput(faults)
    bound = found.low if direction is Direction.HIGHER else found.high
    if bound is None:
        return NonInferiority(margin, None, None, f"Not decided: {found.method}.")
    loss = -bound if direction is Direction.HIGHER else bound
    possible = f"a loss of {loss:.3g} at most" if loss > 0 else f"no loss, but a gain of {abs(loss):.3g} or more"
    if loss < margin:
        return NonInferiority(margin, loss, True, f"Not worse by {margin:g}: the interval leaves {possible}.")
    words = f"Not shown to be worse by less than {margin:g}: the interval leaves {possible}."
    return NonInferiority(margin, loss, False, words)
