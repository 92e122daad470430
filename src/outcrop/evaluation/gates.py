"""Gates: conditions under which a pipeline fails, held against intervals rather than single numbers.

``rougeL drop > 0.01`` fails unless the records rule such a drop out: the whole 95 % interval has to lie outside the
condition. ``rougeL shown drop > 0.01`` fails only where the whole interval lies within it. What the records leave open
fails the first and passes the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from outcrop.domain.errors import Fault
from outcrop.domain.scores import Comparison, Direction, Score
from outcrop.metrics.protocol import Metric


class Quantity(StrEnum):
    """What a gate looks at: how far the value fell since the baseline, how far it rose, or the value."""

    DROP = "drop"
    RISE = "rise"
    VALUE = "value"


@dataclass(frozen=True)
class Gate:
    """A condition under which a pipeline fails.

    Attributes:
        text: As it was written.
        metric: The metric's name.
        quantity: What of it is looked at.
        sign: ``>``, ``>=``, ``<`` or ``<=``.
        threshold: In the metric's unit.
        shown: Whether it fails only where the condition is shown; otherwise it fails unless the condition is ruled out.
        dataset, category: What it is confined to; None for all datasets, and for all records.
    """

    text: str
    metric: str
    quantity: Quantity
    sign: str
    threshold: float
    shown: bool = False
    dataset: str | None = None
    category: str | None = None

    @property
    def above(self) -> bool:
        """Whether the condition is met above the threshold, and not below it."""
        return self.sign.startswith(">")


@dataclass(frozen=True)
class GateCheck:
    """A gate held against one model on one dataset.

    Attributes:
        model, dataset, category: Of what.
        value, low, high: The quantity with its 95 % interval; None where there is none.
        failed: Whether the gate fails here.
        words: Why, as a sentence.
    """

    model: str
    dataset: str
    category: str | None
    value: float | None
    low: float | None
    high: float | None
    failed: bool
    words: str


@dataclass(frozen=True)
class GateResult:
    """What became of a gate: it fails where one of its checks does, and where there was nothing to check.

    Attributes:
        gate: As it was written.
        failed: Whether it fails.
        why: The checks that fail, or of a gate that passes the one that came nearest, in words.
        checks: All of them.
    """

    gate: str
    failed: bool
    why: str
    checks: tuple[GateCheck, ...]

    @property
    def sentence(self) -> str:
        """The whole result in words."""
        return f"{'Failed' if self.failed else 'Passed'}: {self.gate}. {self.why}"


class Measured(Protocol):
    """What gates are held against: a report, or a column of a matrix."""

    @property
    def scores(self) -> tuple[Score, ...]:
        """The models' scores."""
        ...

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Later models minus the first."""
        ...

    @property
    def groups(self) -> tuple[Comparison, ...]:
        """The same within categories."""
        ...


def gate_faults(gates: Sequence[Gate], metrics: Mapping[str, Sequence[Metric[Any]]], n_models: int) -> list[Fault]:
    """What keeps gates from being held against anything, to be said before any work.

    Args:
        gates: The gates.
        metrics: By dataset, what it is scored by; the first decides, and is the one that categories have.
        n_models: How many models there are.
    """
    return [fault for gate in gates for fault in _gate_faults(gate, metrics, n_models)]


def _gate_faults(gate: Gate, metrics: Mapping[str, Sequence[Metric[Any]]], n_models: int) -> list[Fault]:
    by_name = {metric.name: metric for each in metrics.values() for metric in each}
    deciding = list(dict.fromkeys(each[0].name for each in metrics.values()))
    metric = by_name.get(gate.metric)
    compared = gate.quantity is not Quantity.VALUE
    found = []
    if gate.dataset is not None and gate.dataset not in metrics:
        found.append((f"the dataset {gate.dataset!r}", f"one of {', '.join(metrics)}"))
    if metric is None:
        found.append((f"the metric {gate.metric!r}", f"one of {', '.join(by_name)}"))
    if compared and n_models < 2:
        found.append((f"{gate.quantity.value} with one model", "two models or more, or a gate on the value"))
    if compared and metric is not None and not _is_loss(gate, metric.direction):
        other = Quantity.RISE if gate.quantity is Quantity.DROP else Quantity.DROP
        better = f"a condition that the better model meets ({metric.direction.value} is better)"
        found.append((better, f"{other.value}, or the sign turned round"))
    if gate.category is not None and not compared:
        found.append(("the value in a category", "drop or rise, which categories have"))
    if gate.category is not None and metric is not None and gate.metric not in deciding:
        found.append((f"{gate.metric} in a category", f"the metric that decides: {', '.join(deciding)}"))
    return [Fault("fail-if", None, repr(gate.text), what, expected) for what, expected in found]


def _is_loss(gate: Gate, direction: Direction) -> bool:
    """Whether the condition is met by models that are worse rather than by ones that are better."""
    falls = (gate.quantity is Quantity.DROP) == gate.above
    return direction is Direction.NONE or falls == (direction is Direction.HIGHER)


def check_gates(gates: Sequence[Gate], measured: Mapping[str, Measured], baseline: str) -> tuple[GateResult, ...]:
    """Hold gates against what was measured, by dataset; ``baseline`` is the first model's name.

    A gate looks at every later model, or at the only one there is, on every dataset that has its metric. A gate without
    ``shown`` passes only where all its checks do, so none of its checks needs a correction for there being several; one
    with ``shown`` fails on a harmless model with a chance of 2.5 % for each check.
    """
    return tuple(_result(gate, measured, baseline) for gate in gates)


def _result(gate: Gate, measured: Mapping[str, Measured], baseline: str) -> GateResult:
    checks = tuple(
        check
        for dataset, found in measured.items()
        if gate.dataset in (None, dataset)
        for check in _checks(gate, dataset, found, baseline)
    )
    failed = [check for check in checks if check.failed]
    if not checks:
        what = f"no {gate.metric}" + ("" if gate.category is None else f" of the category {gate.category!r}")
        return GateResult(gate.text, True, f"There is {what} to hold it against.", ())
    if failed:
        return GateResult(gate.text, True, " ".join(check.words for check in failed), checks)
    nearest = max(checks, key=lambda check: _reach(gate, check))
    return GateResult(gate.text, False, nearest.words, checks)


def _reach(gate: Gate, check: GateCheck) -> float:
    """How near a check came to failing; the sentence of a gate that passed tells of the nearest."""
    bound = _bound(gate, check.low, check.high)
    if bound is None:
        return float("inf")
    return bound if gate.above else -bound


def _checks(gate: Gate, dataset: str, found: Measured, baseline: str) -> list[GateCheck]:
    if gate.quantity is Quantity.VALUE:
        scores = [score for score in found.scores if score.metric == gate.metric]
        later = [score for score in scores if score.model != baseline] or scores
        return [_check(gate, dataset, score.model, score.value, score.low, score.high) for score in later]
    compared = found.comparisons if gate.category is None else found.groups
    return [
        _check(gate, dataset, one.candidate, *_moved(gate, one))
        for one in compared
        if one.metric == gate.metric and one.group == gate.category
    ]


def _moved(gate: Gate, one: Comparison) -> tuple[float | None, float | None, float | None]:
    """The rise, or turned round the drop, with its bounds."""
    if gate.quantity is Quantity.RISE:
        return one.difference, one.low, one.high
    return _minus(one.difference), _minus(one.high), _minus(one.low)


def _minus(value: float | None) -> float | None:
    return None if value is None else 0.0 - value


def _bound(gate: Gate, low: float | None, high: float | None) -> float | None:
    """The bound that decides: the one that reaches farthest into the condition, or with ``shown`` the least far."""
    return high if gate.above != gate.shown else low


def _check(
    gate: Gate, dataset: str, model: str, value: float | None, low: float | None, high: float | None
) -> GateCheck:
    bound = _bound(gate, low, high)
    failed = not gate.shown if bound is None else _meets(gate, bound)
    return GateCheck(
        model, dataset, gate.category, value, low, high, failed, _words(gate, dataset, model, value, low, high)
    )


def _meets(gate: Gate, bound: float) -> bool:
    """Whether a bound meets the condition."""
    match gate.sign:
        case ">":
            return bound > gate.threshold
        case ">=":
            return bound >= gate.threshold
        case "<":
            return bound < gate.threshold
        case _:
            return bound <= gate.threshold


def _words(gate: Gate, dataset: str, model: str, value: float | None, low: float | None, high: float | None) -> str:
    place = dataset if gate.category is None else f"{dataset}, category {gate.category}"
    if low is None or high is None or value is None:
        then = "so nothing is shown" if gate.shown else "so nothing is ruled out"
        return f"{model} on {place}: too few records for an interval, {then}."
    far, near = (high, low) if gate.above else (low, high)
    side = "upper" if gate.above else "lower"
    if _meets(gate, near):
        says = "which shows it"
    elif _meets(gate, far):
        says = f"whose {side} bound leaves it open"
    else:
        says = "which rules it out"
    return f"{model} on {place}: {gate.quantity.value} {value:.3g}, 95% interval {low:.3g} to {high:.3g}, {says}."
