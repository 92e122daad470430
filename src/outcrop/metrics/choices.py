"""Multiple choice by log-likelihood: which of some texts a model would rather write, and whether it is the right one.

Longer texts are less likely, so the choice may be made by the log-likelihood as it is, or by its share per character or
per byte; lm-evaluation-harness calls these ``acc``, ``acc_norm`` and ``acc_bytes``. Of equal ones the first is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Rows
from outcrop.metrics.rows import exact_mean


@dataclass(frozen=True)
class Chosen:
    """A record's choices and what a model gives them.

    Attributes:
        choices: The texts.
        logprobs: Their log-likelihoods after the prompt, in nats; empty where there are none.
        right: The places of the right ones among ``choices``; empty where it is not known.
    """

    choices: tuple[str, ...]
    logprobs: tuple[float, ...]
    right: tuple[int, ...]

    def place(self, length: Callable[[str], int] | None = None) -> int:
        """The place of the choice with the highest log-likelihood, divided by its length where that is given."""
        values = [
            value if length is None else value / max(length(choice), 1)
            for choice, value in zip(self.choices, self.logprobs, strict=True)
        ]
        return values.index(max(values))


def choice_accuracy() -> ChoiceMetric:
    """The share of records whose likeliest choice is a right one."""
    return _accuracy("choice_accuracy", "none", None)


def choice_accuracy_per_character() -> ChoiceMetric:
    """The same by the log-likelihood per character."""
    return _accuracy("choice_accuracy_per_character", "characters", len)


def choice_accuracy_per_byte() -> ChoiceMetric:
    """The same by the log-likelihood per byte of UTF-8."""
    return _accuracy("choice_accuracy_per_byte", "bytes", lambda text: len(text.encode()))


def choice_probability() -> ChoiceMetric:
    """The probability of the right choices, given that one of the choices is written; the mean over the records."""

    def value(item: Chosen) -> float:
        weights = np.exp(np.array(item.logprobs) - max(item.logprobs))
        return float(weights[list(item.right)].sum() / weights.sum())

    return ChoiceMetric("choice_probability", "choice_probability|norm:none|stat:mean|v1", value)


def _accuracy(name: str, norm: str, length: Callable[[str], int] | None) -> ChoiceMetric:
    return ChoiceMetric(
        name,
        f"choice_accuracy|norm:{norm}|ties:first|stat:mean|v1",
        lambda item: float(item.place(length) in item.right),
    )


@dataclass(frozen=True)
class ChoiceMetric:
    """A ``Metric`` of ``Chosen``: the mean of a value in 0..1 per record.

    Attributes:
        name, signature: As ``Metric`` has them.
        value: The value of a record that has log-likelihoods and a right choice.
    """

    name: str
    signature: str
    value: Callable[[Chosen], float]
    unit: str = ""
    direction: Direction = Direction.HIGHER
    columns: tuple[str, ...] = ("value",)

    def prepare(self, items: Sequence[Chosen]) -> Rows:
        """The value of each record, ``(n, 1)``; NaN without log-likelihoods, or where no right choice is known."""
        values = [self.value(item) if item.logprobs and item.right else math.nan for item in items]
        return np.array(values, dtype=np.float64).reshape(len(items), 1)

    def per_record(self, rows: Rows) -> NDArray[np.float64]:
        """The value of each record, shape ``(n,)``."""
        return rows[:, 0]

    def of_sums(self, sums: NDArray[np.float64]) -> None:
        """None: the mean is taken of the records that have a value."""

    def score(self, rows: Rows) -> float:
        """The mean of the records that have a value; NaN where none has."""
        return exact_mean(rows[:, 0])


METRICS: dict[str, Callable[[], ChoiceMetric]] = {
    make.__name__: make
    for make in (choice_accuracy, choice_accuracy_per_byte, choice_accuracy_per_character, choice_probability)
}
"""By name, what makes the metric."""
