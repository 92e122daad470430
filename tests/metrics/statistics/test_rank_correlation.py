from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.rank_correlation import FEWEST, rank_correlation

FIXTURES = Path(__file__).parents[2] / "fixtures" / "statistics"
ORACLE: dict[str, Any] = json.loads((FIXTURES / "agreement.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", ORACLE["correlation"], ids=lambda case: str(case["values"]["plain"]))
def test_equals_scipy_and_pingouin(case: dict[str, Any]) -> None:
    first, second, third = case["columns"]
    plain, partial = rank_correlation(first, second), rank_correlation(first, second, third)
    assert plain.value == pytest.approx(case["values"]["plain"], abs=1e-10)
    assert plain.p_value == pytest.approx(case["values"]["plain_p"], abs=1e-10)
    assert partial.value == pytest.approx(case["values"]["partial"], abs=1e-10)
    assert partial.p_value == pytest.approx(case["values"]["partial_p"], abs=1e-10)


def test_what_a_third_thing_tells_is_taken_out() -> None:
    generator = np.random.default_rng(1)
    third = generator.normal(size=400)
    first, second = third + generator.normal(size=400), third + generator.normal(size=400)
    plain, partial = rank_correlation(first, second), rank_correlation(first, second, third)
    assert plain.low is not None
    assert plain.low > 0.3
    assert partial.p_value is not None
    assert partial.p_value > 0.05


def test_the_interval_covers_about_as_often_as_it_says() -> None:
    """Of columns that are independent, one with the many ties of ratings: 95 % of the intervals hold 0."""
    generator = np.random.default_rng(7)
    held = rejected = 0
    for _ in range(1000):
        found = rank_correlation(generator.normal(size=60), generator.integers(0, 3, size=60))
        assert found.low is not None
        assert found.high is not None
        assert found.p_value is not None
        held += found.low <= 0 <= found.high
        rejected += found.p_value < 0.05
    assert 930 <= held <= 970
    assert 30 <= rejected <= 70


def test_records_with_a_gap_are_left_out() -> None:
    first = [*range(12), math.nan]
    found = rank_correlation(first, [*range(12), 0])
    assert (found.n, found.value, found.low, found.high, found.p_value) == (12, 1.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("first", "second", "given", "why"),
    [
        (range(FEWEST - 1), range(FEWEST - 1), None, "fewer than 10 records"),
        ([1] * 20, range(20), None, "nothing varies"),
        (range(20), range(20), range(20), "nothing varies"),
        ([math.nan] * 20, range(20), None, "fewer than 10 records"),
    ],
)
def test_what_cannot_be_told_says_why(first: Any, second: Any, given: Any, why: str) -> None:
    found = rank_correlation(list(first), list(second), None if given is None else list(given))
    assert found.value is None
    assert found.p_value is None
    assert why in found.method


def test_a_confidence_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a share between 0 and 1"):
        rank_correlation(range(20), range(20), confidence=95)
