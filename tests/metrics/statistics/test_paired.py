from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.paired import PairedDifference, paired_difference

shares = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30)


def test_by_hand() -> None:
    # Differences 1, 2, 3, 4: mean 2.5, s² = 5 / 3, s / √4 = 0.6455, t = 3.873 with 3 degrees of freedom. The table has
    # 3.182 for 0.05, 4.541 for 0.02; the distribution function has a closed form at 3 degrees of freedom.
    found = paired_difference([1, 1, 1, 1], [2, 3, 4, 5])
    assert found.difference == 2.5
    assert found.low == pytest.approx(2.5 - 3.182 * 0.6455, abs=1e-3)
    assert found.high == pytest.approx(2.5 + 3.182 * 0.6455, abs=1e-3)
    ratio = 2.5 / math.sqrt(5 / 3 / 4) / math.sqrt(3)
    assert found.p_value == pytest.approx(1 - 2 / math.pi * (math.atan(ratio) + ratio / (1 + ratio**2)), rel=1e-9)
    assert (found.method, found.n, found.n_left_out) == ("paired Student t", 4, 0)


@pytest.mark.parametrize("n", [2, 5, 50, 2000])
def test_equals_scipy(n: int) -> None:
    generator = np.random.default_rng(n)
    baseline = generator.uniform(size=n)
    candidate = baseline + generator.normal(0.02, 0.2, n)
    oracle = stats.ttest_rel(candidate, baseline)
    found = paired_difference(baseline, candidate, 0.9)
    assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    bounds = oracle.confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((bounds.low, bounds.high), rel=1e-9)


@given(shares, st.sampled_from([0.5, 0.9, 0.95]))
def test_interval_and_p_value_agree(pairs: list[tuple[int, int]], confidence: float) -> None:
    found = paired_difference([before / 4 for before, _ in pairs], [after / 4 for _, after in pairs], confidence)
    assert found.p_value is not None
    if found.low is None or found.high is None:
        assert found.p_value > 1 - confidence
    elif abs(found.p_value - (1 - confidence)) > 1e-9:
        assert (found.low > 0 or found.high < 0) == (found.p_value < 1 - confidence)


@given(shares)
def test_turning_round_turns_the_sign(pairs: list[tuple[int, int]]) -> None:
    before, after = [float(pair[0]) for pair in pairs], [float(pair[1]) for pair in pairs]
    there, back = paired_difference(before, after), paired_difference(after, before)
    assert there.difference is not None
    assert back.difference == -there.difference
    assert back.p_value == there.p_value


def test_is_about_the_differences_not_the_spread() -> None:
    baseline = np.linspace(0, 100, 40)
    found = paired_difference(baseline, baseline + np.tile([0.9, 1.1], 20))
    assert found.low is not None
    assert found.low > 0.9


def test_a_record_without_either_value_is_left_out_and_counted() -> None:
    nan = math.nan
    found = paired_difference([1, nan, 3, nan, 5, 7], [2, 2, nan, nan, 7, 11])
    whole = paired_difference([1, 5, 7], [2, 7, 11])
    assert found == PairedDifference(whole.difference, whole.low, whole.high, whole.p_value, whole.method, 3, 3)


def test_no_difference_anywhere() -> None:
    expected = PairedDifference(0.0, 0.0, 0.0, 1.0, "no record of 3 differs", 3)
    assert paired_difference([0.1, 0.7, 1], [0.1, 0.7, 1]) == expected


@pytest.mark.parametrize(("n", "bound"), [(2, None), (5, None), (6, 0.25), (40, 0.25)])
def test_equal_differences_have_the_sign_flips_p_value(n: int, bound: float | None) -> None:
    # Of all 2^n ways to turn differences round, those at least as far from 0 are none turned and all turned.
    if n < 10:
        sums = [sum(signs) for signs in product((-1, 1), repeat=n)]
        assert sum(abs(each) == n for each in sums) / len(sums) == 2 / 2**n
    found = paired_difference([0.5] * n, [0.75] * n)
    method = f"exact sign flip: all {n} differences are equal"
    assert found == PairedDifference(0.25, bound, bound, 2 / 2**n, method, n)


def test_equal_but_for_rounding_is_equal() -> None:
    found = paired_difference([0.1, 0.2, 0.3], [0.3, 0.4, 0.5])
    assert found.method == "exact sign flip: all 3 differences are equal"
    assert found.p_value == 0.25


@pytest.mark.parametrize(
    ("baseline", "candidate", "expected"),
    [
        ([], [], PairedDifference(None, None, None, None, "no test: no record has both values", 0)),
        ([math.nan], [1], PairedDifference(None, None, None, None, "no test: no record has both values", 0, 1)),
        ([1], [3], PairedDifference(2.0, None, None, None, "no test: one record", 1)),
        ([1, math.inf], [1, math.inf], PairedDifference(None, None, None, None, "no test: infinite values", 2)),
    ],
)
def test_too_little_to_test(baseline: list[float], candidate: list[float], expected: PairedDifference) -> None:
    assert paired_difference(baseline, candidate) == expected


def test_other_records_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 records of the baseline and 3 of the candidate"):
        paired_difference([1, 2], [1, 2, 3])
