from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.metrics.statistics.benjamini_hochberg import benjamini_hochberg
from outcrop.metrics.statistics.holm import holm

from .oracles import cases


@pytest.mark.parametrize("case", cases("corrections"), ids=lambda case: str(len(case["p_values"])))
def test_equals_statsmodels(case: dict[str, Any]) -> None:
    assert benjamini_hochberg(case["p_values"]) == pytest.approx(case["benjamini_hochberg"], abs=1e-12)
    assert holm(case["p_values"]) == pytest.approx(case["holm"], abs=1e-12)


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        # By hand, from the largest: 0.04 · 4 / 4, 0.03 · 4 / 3, 0.01 · 4 / 2, 0.005 · 4 / 1.
        ([0.01, 0.04, 0.03, 0.005], [0.02, 0.04, 0.04, 0.02]),
        ([0.5], [0.5]),
        ([None, 0.02, None, 0.03], [None, 0.03, None, 0.03]),
        ([None], [None]),
        ([], []),
    ],
)
def test_by_hand(given_values: list[float | None], expected: list[float | None]) -> None:
    assert benjamini_hochberg(given_values) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), max_size=8), st.sampled_from([0.01, 0.05, 0.5]))
def test_rejects_what_the_step_up_procedure_rejects(p_values: list[float], alpha: float) -> None:
    # As they state it: the largest k with p(k) ≤ k / m · α, and all up to it.
    m = len(p_values)
    order = sorted(p_values)
    largest = max((k for k in range(1, m + 1) if m / k * order[k - 1] <= alpha), default=0)
    rejected = {place for place in range(m) if largest and p_values[place] <= order[largest - 1]}
    corrected = enumerate(benjamini_hochberg(p_values))
    assert {place for place, value in corrected if value is not None and value <= alpha} == rejected
