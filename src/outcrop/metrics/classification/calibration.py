"""Calibration: whether of all things said to be 80 % likely, 80 % are so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.scores import Direction
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import signed_labels
from outcrop.metrics.classification.probabilities import probability
from outcrop.metrics.lines import LineRows, LineSums, check_choice, each, exact_sum, ratio
from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.rows import has_value

Binning = Literal["width", "mass"]
"""Bins of equal width from 0 to 1, or bins of about as many items each, whose edges are quantiles."""

_Chance = Callable[[Classified], tuple[float, float] | None]
"""The probability of something, and 1 where it is so or else 0."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Items whose probability lies above ``low`` and at most at ``high`` (the first bin has its lower end too).

    Attributes:
        low, high: The bin's ends.
        n: How many items it holds; 1 or more.
        mean_probability: The mean of their probabilities.
        share: The share of them for which it was so.
    """

    low: float
    high: float
    n: int
    mean_probability: float
    share: float


def calibration_error(positive: str, *, bins: int = 10, binning: Binning = "width") -> Metric[Classified]:
    """The expected calibration error (ECE) of a label's probability.

    ``Σ (n_b / n) |mean probability - share of positives|`` over bins of items with like probabilities. Source: Naeini
    et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015.

    Args:
        positive: The label whose probability is looked at.
        bins: How many bins; 1 or more. The value depends on it, and with few items a bin it is too high.
        binning: Whether the bins have equal width or about as many items each.

    Returns:
        A metric named ``calibration_error``, in 0..1. An item without a label, or without a probability for
        ``positive``, gives a row of NaN.

    Raises:
        InvalidInput: ``bins`` is below 1.
    """
    return _error("calibration_error", f"pos:{signed_labels([positive])}", _of_label(positive), bins, binning)


def top_label_calibration_error(*, bins: int = 10, binning: Binning = "width") -> Metric[Classified]:
    """The expected calibration error of the probability that a model gives its own prediction.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017.

    Args:
        bins: How many bins; 1 or more. The value depends on it, and with few items a bin it is too high.
        binning: Whether the bins have equal width or about as many items each.

    Returns:
        A metric named ``top_label_calibration_error``, in 0..1. An item without a label, or without a probability for
        its prediction, gives a row of NaN.

    Raises:
        InvalidInput: ``bins`` is below 1.
    """
    return _error("top_label_calibration_error", "of:prediction", _of_prediction, bins, binning)


def reliability(
    items: Sequence[Classified], positive: str, *, bins: int = 10, binning: Binning = "width"
) -> tuple[ReliabilityBin, ...]:
    """The table behind ``calibration_error``: for each bin, what was said and what happened.

    Args:
        items: Items without a label, or without a probability for ``positive``, are left out.
        positive: The label whose probability is looked at.
        bins: How many bins; 1 or more.
        binning: Whether the bins have equal width or about as many items each.

    Returns:
        The bins that hold items, lowest first.

    Raises:
        InvalidInput: ``bins`` is below 1.
    """
    _check(bins, binning)
    rows = each(_of_label(positive), 2)(items)
    chances, happened = rows[has_value(rows)].T
    if not len(chances):
        return ()
    edges = _edges(chances, bins, binning)
    place = _places(chances, edges)
    table = []
    for number in np.unique(place):
        held = place == number
        n = int(held.sum())
        means = exact_sum(chances[held]) / n, float(happened[held].sum()) / n
        table.append(ReliabilityBin(float(edges[number]), float(edges[number + 1]), n, *means))
    return tuple(table)


def _of_label(positive: str) -> _Chance:
    def row(item: Classified) -> tuple[float, float] | None:
        chance = probability(item, positive)
        return None if chance is None or item.label is None else (chance, float(item.label == positive))

    return row


def _of_prediction(item: Classified) -> tuple[float, float] | None:
    chance = None if item.prediction is None else probability(item, item.prediction)
    return None if chance is None or item.label is None else (chance, float(item.label == item.prediction))


def _error(name: str, subject: str, chance: _Chance, bins: int, binning: Binning) -> Metric[Classified]:
    _check(bins, binning)
    signature = f"{name}|{subject}|bins:{bins}|binning:{binning}|v1"
    if binning == "mass":
        pair, value = ("probability", "happened"), partial(_of_mass, bins)
        return LineRows(name, signature, pair, each(chance, 2), value, direction=Direction.LOWER)
    columns = ("n", *(f"gap {number}" for number in range(1, bins + 1)))
    count = partial(_gaps, chance, bins)
    return LineSums(name, signature, columns, count, _of_width, direction=Direction.LOWER)


def _gaps(chance: _Chance, bins: int, items: Sequence[Classified]) -> Rows:
    """A 1, and in the column of the item's bin how far its probability was too high."""
    found = each(chance, 2)(items)
    missing = ~has_value(found)
    rows = np.zeros((len(items), bins + 1))
    rows[:, 0] = 1
    place = _places(np.where(missing, 0, found[:, 0]), np.linspace(0, 1, bins + 1))
    rows[np.arange(len(items)), 1 + place] = found[:, 0] - found[:, 1]
    rows[missing] = np.nan
    return rows


def _of_width(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return ratio(np.abs(sums[:, 1:]).sum(axis=1), sums[:, 0])


def _of_mass(bins: int, rows: Rows) -> float:
    place = _places(rows[:, 0], _edges(rows[:, 0], bins, "mass"))
    gaps = rows[:, 0] - rows[:, 1]
    return sum(abs(exact_sum(gaps[place == number])) for number in np.unique(place)) / len(rows)


def _edges(chances: NDArray[np.float64], bins: int, binning: Binning) -> NDArray[np.float64]:
    ends = np.linspace(0, 1, bins + 1)
    return ends if binning == "width" else np.quantile(chances, ends)


def _places(chances: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """Each item's bin, from 0; equal probabilities share one, so the order of the items does not matter."""
    return np.searchsorted(edges[1:-1], chances, side="left")


def _check(bins: int, binning: str) -> None:
    check_choice("binning", binning, get_args(Binning))
    if bins < 1:
        raise InvalidInput([Fault("bins", None, "", str(bins), "1 or more")])
