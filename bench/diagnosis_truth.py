"""What is true of a run, found without its diagnosis: by other runs of the same setup.

The learning rate is judged by a sweep over rates of the same setup; overfitting by the run's own validation losses and
by training as long on four times the data; whether it had converged by twice the passes; underfitting by a network
of three times the width (or by training all weights instead of LoRA). Margins are shares of the drop: of how far
the best run of the sweep brought the validation loss down.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from diagnosis_runs import Setup, text, train, HELD_OUT

from outcrop.domain.models import CurvePoint

#: Learning rates of a sweep, each about 3.2 times the one before.
RATES = tuple(float(f"{10 ** (-5 + step / 2):.2g}") for step in range(10))
#: A rate this many times the best one's, or a part of it, is far off; nearer ones are not judged.
FAR = 9.0
NEAR = 1.5


@dataclass(frozen=True)
class Oracle:
    """What the other runs of a setup gave: validation losses at the end (``…_end``) or at their lowest.

    Attributes:
        sweep: The curve of each rate.
        best: The rate whose lowest validation loss is lowest.
        longer: The lowest validation loss with twice the passes, at the best rate.
        more_data: The curve's rise from its lowest validation loss to its end with four times the data.
        larger: The lowest validation loss of a larger network, at the better of two rates.
    """

    sweep: dict[float, list[CurvePoint]]
    best: float
    longer: float
    more_data: float
    larger: float


def losses(curve: Sequence[CurvePoint]) -> list[float]:
    """The validation losses."""
    return [point.validation_loss for point in curve if point.validation_loss is not None]


def lowest(curve: Sequence[CurvePoint]) -> float:
    """The lowest validation loss; infinite where none is finite."""
    return min((value for value in losses(curve) if math.isfinite(value)), default=math.inf)


def consult(setup: Setup, say: Any = print) -> Oracle:
    """Train the other runs."""
    sweep = {rate: train(setup, rate) for rate in RATES}
    best = min(sweep, key=lambda rate: lowest(sweep[rate]))
    longer = lowest(train(replace(setup, epochs=2 * setup.epochs), best))
    more = train(more_data(setup), best)
    wide = larger(setup)
    width = min((lowest(train(wide, rate)) for rate in (best, best / 3.2)), default=math.inf) if wide else math.inf
    return Oracle(sweep, best, longer, losses(more)[-1] - lowest(more), width)


def more_data(setup: Setup) -> Setup:
    """The same number of steps on four times the records, or as many as there are."""
    there = len(text(setup.corpus)) // setup.length - HELD_OUT - 1
    records = min(4 * setup.records, there)
    return replace(setup, records=records, epochs=max(1, round(setup.epochs * setup.records / records)))


def larger(setup: Setup) -> Setup | None:
    """More to learn with: all weights instead of LoRA, or three times the width; None for all weights of a base."""
    if setup.base:
        return replace(setup, rank=0) if setup.rank else None
    return replace(setup, width=3 * setup.width)
