from __future__ import annotations

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.domain.scores import Direction
from outcrop.metrics.statistics.non_inferiority import non_inferiority
from outcrop.metrics.statistics.paired import PairedDifference, paired_difference


def difference(low: float | None, high: float | None) -> PairedDifference:
    return PairedDifference(0.0, low, high, None, "no test: one record" if low is None else "paired Student t", 100)


@pytest.mark.parametrize(
    ("low", "high", "direction", "holds", "words"),
    [
        (-0.011, 0.03, Direction.HIGHER, True, "Not worse by 0.02: the interval leaves a loss of 0.011 at most."),
        (-0.02, 0.03, Direction.HIGHER, False,
         "Not shown to be worse by less than 0.02: the interval leaves a loss of 0.02 at most."),
        (0.01, 0.03, Direction.HIGHER, True,
         "Not worse by 0.02: the interval leaves no loss, but a gain of 0.01 or more."),
        (-0.5, 0.011, Direction.LOWER, True, "Not worse by 0.02: the interval leaves a loss of 0.011 at most."),
        (-0.5, 0.05, Direction.LOWER, False,
         "Not shown to be worse by less than 0.02: the interval leaves a loss of 0.05 at most."),
        (-0.5, 0.0, Direction.LOWER, True, "Not worse by 0.02: the interval leaves no loss, but a gain of 0 or more."),
        (None, None, Direction.HIGHER, None, "Not decided: no test: one record."),
    ],
)  # fmt: skip
def test_by_the_bound_on_the_side_of_the_loss(
    low: float | None, high: float | None, direction: Direction, holds: bool | None, words: str
) -> None:
    found = non_inferiority(difference(low, high), 0.02, direction)
    assert (found.holds, found.words, found.margin) == (holds, words, 0.02)


def test_a_model_that_is_worse_by_the_margin_seldom_passes() -> None:
    generator = np.random.default_rng(5)
    passed = 0
    for _ in range(1000):
        baseline = generator.uniform(size=80)
        candidate = baseline + generator.normal(-0.05, 0.1, 80)
        passed += bool(non_inferiority(paired_difference(baseline, candidate), 0.05, Direction.HIGHER).holds)
    # 2.5 % of 1,000, and three standard errors.
    assert passed <= 40
    assert passed >= 10


def test_all_that_is_wrong_is_told() -> None:
    with pytest.raises(InvalidInput, match=r"margin: found 0; expected a loss above 0(.|\n)*direction: found none"):
        non_inferiority(difference(0.1, 0.2), 0, Direction.NONE)
