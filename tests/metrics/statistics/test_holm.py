from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.metrics.statistics.holm import holm


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        # By hand: 4 · 0.005, 3 · 0.01, 2 · 0.03, then 0.04 raised to what came before.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5], [0.5]),
        ([0.6, 0.7], [1, 1]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([None, 0.02, None, 0.03], [None, 0.04, None, 0.04]),
        ([None], [None]),
        ([], []),
    ],
)
def test_by_hand(given_values: list[float | None], expected: list[float | None]) -> None:
    assert holm(given_values) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), max_size=8), st.sampled_from([0.01, 0.05, 0.5]))
def test_rejects_what_the_step_down_procedure_rejects(p_values: list[float], alpha: float) -> None:
    # Holm's procedure as he states it: go up from the smallest, stop at the first that is too large.
    rejected = set()
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        if (len(p_values) - rank) * p_values[place] > alpha:
            break
        rejected.add(place)
    corrected = enumerate(holm(p_values))
    assert {place for place, value in corrected if value is not None and value <= alpha} == rejected
