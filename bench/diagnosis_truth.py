"""What is true of a run, found without its diagnosis: by trying what each verdict advises.

A learning rate is judged by a sweep over rates; overfitting by the run's own validation losses and by training as long
on four times the data; whether it had converged by twice the passes; underfitting by more to learn with: all weights
instead of LoRA, three times the width where the network began from random weights. All margins are shares of the drop:
of how far the best run of the sweep brought the validation loss down.

==================  ================================================================================================
overfitting         ends ≥ 0.05 above its lowest loss; four times the data at the same rate and steps leave a quarter
rate too high       ≥ 9 times the best rate, and its lowest loss is ≥ a third above the best run's
rate too low        at most a ninth of the best rate, and the same
not converged       the best rate or too low a one, and twice the passes bring the lowest loss down by ≥ 0.1 more
underfitting        the best rate or too low a one, and more to learn with brings it down by ≥ 0.5 more
good fit            the best rate, and nothing of this
==================  ================================================================================================

A run may have several faults, and each is then a right answer; they are listed in this order, which is that of how much
stronger a claim they are. What is in none of these lines, such as a rate three times too high, is in between and is not
judged. Of the rates that are only too low, and of those only too high, the one nearest to the best counts, which is the
hardest; the others are kept as easier ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from diagnosis_runs import HELD_OUT, Setup, text, train

from outcrop.domain.models import CurvePoint
from outcrop.trainers.remedies import Fit

#: Learning rates of a sweep, each about 3.2 times the one before; those of all weights of a base are lower by one.
RATES = (3.2e-5, 1e-4, 3.2e-4, 1e-3, 3.2e-3, 1e-2, 3.2e-2, 1e-1)
FAR = 9.0
WRONG_RATE, RISE, REMOVED, LONGER, LARGER = 1 / 3, 0.05, 0.25, 0.1, 0.5

Curve = Sequence[CurvePoint]


@dataclass(frozen=True)
class Judged:
    """A run with what is true of it, and the figures that say so, as shares of the drop.

    ``easier``: only its rate is wrong, in the direction of another's that is nearer to the best.
    """

    setup: Setup
    rate: float
    curve: Curve
    truths: list[Fit]
    figures: dict[str, float]
    easier: bool = False


def judge(setup: Setup) -> list[Judged]:
    """Train a setup at all rates, and the other runs that tell what is true of them."""
    rates = RATES[:-1] if setup.base and not setup.rank else RATES[1:]
    sweep = {rate: train(setup, rate) for rate in rates}
    best = min(sweep, key=lambda rate: lowest(sweep[rate]))
    drop = losses(sweep[best])[0] - lowest(sweep[best])
    found = []
    for rate, curve in sweep.items():
        figures = {
            "times_best": rate / best,
            "excess": (lowest(curve) - lowest(sweep[best])) / drop,
            "rise": (losses(curve)[-1] - lowest(curve)) / drop if losses(curve) else math.inf,
        }
        _measure(setup, rate, curve, drop, figures)
        found.append(Judged(setup, rate, curve, truths(figures), figures))
    return [replace(run, easier=_easier(run, found)) for run in found]


def truths(figures: dict[str, float]) -> list[Fit]:
    """What is true of a run by its figures; nothing where it is in between."""
    found = []
    rise, times = figures["rise"], figures["times_best"]
    if rise >= RISE and figures.get("rise_with_more_data", math.inf) <= rise * REMOVED:
        found.append(Fit.OVERFITTING)
    if figures["excess"] >= WRONG_RATE and times >= FAR:
        found.append(Fit.RATE_TOO_HIGH)
    if figures["excess"] >= WRONG_RATE and times <= 1 / FAR:
        found.append(Fit.RATE_TOO_LOW)
    if figures.get("longer", 0.0) >= LONGER:
        found.append(Fit.NOT_CONVERGED)
    if figures.get("larger", 0.0) >= LARGER:
        found.append(Fit.UNDERFITTING)
    return found or ([Fit.GOOD] if times == 1 else [])


def _measure(setup: Setup, rate: float, curve: Curve, drop: float, figures: dict[str, float]) -> None:
    """Add the figures that take other runs, as far as a verdict can depend on them."""
    if figures["rise"] >= RISE and _learnt(curve):
        more = train(more_data(setup), rate)
        figures["rise_with_more_data"] = (losses(more)[-1] - lowest(more)) / drop
    too_low = figures["excess"] >= WRONG_RATE and figures["times_best"] <= 1 / FAR
    if figures["times_best"] == 1 or too_low:
        longer = train(replace(setup, epochs=2 * setup.epochs), rate)
        figures["longer"] = (lowest(curve) - lowest(longer)) / drop
        if wide := larger(setup):
            figures["larger"] = (lowest(curve) - min(lowest(train(wide, each)) for each in (rate, rate / 3.2))) / drop


def _learnt(curve: Curve) -> bool:
    """Whether the training loss ended below where it began; what blew up did not overfit."""
    training = [point.training_loss for point in curve if point.training_loss is not None]
    last = training[-max(5, len(training) // 10) :]
    return sum(last) / len(last) < training[0]


def _easier(run: Judged, found: list[Judged]) -> bool:
    wrong = {Fit.RATE_TOO_HIGH, Fit.RATE_TOO_LOW} & set(run.truths)
    if not wrong or Fit.OVERFITTING in run.truths:
        return False
    alike = [other for other in found if wrong <= set(other.truths) and Fit.OVERFITTING not in other.truths]
    return run is not min(alike, key=lambda other: abs(math.log(other.figures["times_best"])))


def losses(curve: Curve) -> list[float]:
    """The validation losses."""
    return [point.validation_loss for point in curve if point.validation_loss is not None]


def lowest(curve: Curve) -> float:
    """The lowest validation loss; infinite where none is finite."""
    return min((value for value in losses(curve) if math.isfinite(value)), default=math.inf)


def more_data(setup: Setup) -> Setup:
    """The same number of steps on four times the records, or as many as there are."""
    there = len(text(setup.corpus)) // setup.length - HELD_OUT - 1
    records = min(4 * setup.records, there)
    return replace(setup, records=records, epochs=max(1, round(setup.epochs * setup.records / records)))


def larger(setup: Setup) -> Setup | None:
    """More to learn with; None where all weights of a base are trained already."""
    if setup.base:
        return replace(setup, rank=0) if setup.rank else None
    return replace(setup, width=3 * setup.width)
