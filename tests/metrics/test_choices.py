from __future__ import annotations

import math

import numpy as np
import pytest

from outcrop.metrics.choices import METRICS, Chosen, choice_accuracy, choice_probability

# Per byte "é" counts double; as they are, the short one is likeliest.
ITEM = Chosen(("no", "ééé", "abcdefgh"), (-4.0, -6.0, -10.0), (2,))


@pytest.mark.parametrize(
    ("metric", "place"),
    [("choice_accuracy", 0), ("choice_accuracy_per_character", 2), ("choice_accuracy_per_byte", 1)],
)
def test_the_length_decides(metric: str, place: int) -> None:
    # Per character: -2, -2, -1.25; per byte: -2, -1, -1.25.
    for right in range(3):
        rows = METRICS[metric]().prepare([Chosen(ITEM.choices, ITEM.logprobs, (right,))])
        assert rows.tolist() == [[float(right == place)]]


def test_the_first_of_equals_is_chosen() -> None:
    item = Chosen(("a", "b"), (-1.0, -1.0), (0,))
    assert choice_accuracy().prepare([item]).tolist() == [[1.0]]


def test_probability_of_the_right_ones() -> None:
    item = Chosen(("a", "b", "c"), (math.log(0.5) - 900, math.log(0.2) - 900, math.log(0.3) - 900), (0, 2))
    assert choice_probability().prepare([item])[0, 0] == pytest.approx(0.8)


@pytest.mark.parametrize("name", METRICS)
def test_what_is_not_known_is_unscored(name: str) -> None:
    metric = METRICS[name]()
    items = [Chosen(("a", "b"), (), (0,)), Chosen(("a", "b"), (-1.0, -2.0), ()), Chosen(("a", "b"), (-1.0, -9.0), (0,))]
    rows = metric.prepare(items)
    assert np.isnan(rows[:2]).all()
    assert metric.score(rows) == pytest.approx(1.0, abs=1e-3)
    assert metric.per_record(rows)[2] == rows[2, 0]
    assert math.isnan(metric.score(rows[:2]))
