from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from outcrop.metrics.statistics.intervals import Interval, mean_interval
from outcrop.metrics.statistics.paired import PairedDifference, paired_difference
from outcrop.metrics.statistics.share_means import enough_for_t, share_mean_difference, share_mean_interval

shares = st.lists(st.floats(0, 1), min_size=2, max_size=12)
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


def lopsided(generator: np.random.Generator, n: int) -> NDArray[np.float64]:
    """As token F1 of a good model: most are right, a few in part, mean 0.90."""
    return np.where(generator.random(n) < 0.8, 1.0, generator.random(n))


def seldom(generator: np.random.Generator, n: int) -> NDArray[np.float64]:
    """As ROUGE-2 of a poor model: most are 0, mean 0.05."""
    return np.where(generator.random(n) < 0.9, 0.0, generator.random(n))


def spread(generator: np.random.Generator, n: int) -> NDArray[np.float64]:
    """As ROUGE-L: mean 0.25."""
    return generator.beta(2, 6, n)


def test_yes_and_no_has_wilsons_bounds_with_t() -> None:
    # m (1 - m) / e² is n - 1 where all values are 0 or 1; t(9) is 2.262.
    found = share_mean_interval([1, 1, 1, 0, 1, 1, 0, 1, 1, 1])
    assert found.low is not None
    assert found.high is not None
    for bound in (found.low, found.high):
        assert abs(0.8 - bound) == pytest.approx(2.262157 * math.sqrt(bound * (1 - bound) / 9), rel=1e-6)
    assert (found.value, found.method) == (0.8, "Wilson on the effective number of records")


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_has_a_width_where_nothing_scatters_at_an_end(value: float) -> None:
    # t(19)² / (20 + t(19)²) = 4.3807 / 24.3807 = 0.1797 for 20 records; of 10 clusters t(9)² / (10 + t(9)²) = 0.3385.
    found = share_mean_interval([value] * 20)
    assert (found.low, found.high) == pytest.approx((value - value * 0.1797, value + (1 - value) * 0.1797), abs=1e-4)
    found = share_mean_interval([value] * 20, clusters=[place // 2 for place in range(20)])
    assert (found.low, found.high) == pytest.approx((value - value * 0.3385, value + (1 - value) * 0.3385), abs=1e-4)
    assert found.method == "Wilson on the effective number of records over 10 clusters"


@given(shares)
def test_stays_in_the_range_and_holds_the_mean(values: list[float]) -> None:
    found = share_mean_interval(values)
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


def test_many_records_have_students_bounds() -> None:
    values = spread(np.random.default_rng(4), 20_000)
    found, student = share_mean_interval(values), mean_interval(values)
    assert (found.low, found.high) == pytest.approx((student.low, student.high), abs=2e-5)


@pytest.mark.parametrize(("draw", "mean"), [(lopsided, 0.9), (seldom, 0.05), (spread, 0.25)])
@pytest.mark.parametrize("n", [30, 100, 200])
def test_covers_as_often_as_it_says(draw: Draw, mean: float, n: int) -> None:
    generator = np.random.default_rng(n)
    held, student = [], []
    for _ in range(1200):
        values = draw(generator, n)
        held.append(holds(share_mean_interval(values), mean))
        student.append(holds(mean_interval(values), mean))
    assert (0.915 if n == 30 else 0.93) <= np.mean(held) <= 0.97
    if draw is seldom and n == 30:
        # What it is for.
        assert np.mean(student) < 0.87


def holds(found: Interval | PairedDifference, true: float) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low <= true <= found.high


def test_enough_for_t() -> None:
    generator = np.random.default_rng(1)
    assert not enough_for_t(generator.normal(size=99))
    assert enough_for_t(generator.normal(size=100))
    assert not enough_for_t(np.ones(500))
    # Of n yes-or-no values with a share of 1/10 the skewness is 0.8 / 0.3, and 25 g² is 177.8.
    assert not enough_for_t(np.tile([1.0, *[0.0] * 9], 17))
    assert enough_for_t(np.tile([1.0, *[0.0] * 9], 18))
    assert not enough_for_t(generator.normal(size=400), np.arange(400) // 5)
    assert enough_for_t(generator.normal(size=500), np.arange(500) // 5)


def test_gains_and_losses_by_hand() -> None:
    # Gains 0.5 on 2 of 4: mean gain 1/4 with e² = (1/12) / 4, which are 9 records. No loss: 4 records. t(3) = 3.1824.
    found = share_mean_difference([0.0, 0.2, 0.4, 1.0], [0.5, 0.2, 0.9, 1.0])
    weight = 3.182446**2 / 9
    middle = (0.25 + weight / 2) / (1 + weight)
    half = math.sqrt(weight * (0.1875 + weight / 4)) / (1 + weight)
    loss = 3.182446**2 / (4 + 3.182446**2)
    assert found.difference == pytest.approx(0.25)
    assert found.low == pytest.approx(0.25 - math.hypot(0.25 - (middle - half), loss), rel=1e-6)
    assert found.high == pytest.approx(middle + half, rel=1e-6)
    assert found.p_value == pytest.approx(paired_difference([0.0, 0.2, 0.4, 1.0], [0.5, 0.2, 0.9, 1.0]).p_value)
    assert found.method == "Wilson of gains and losses, p by paired Student t"


def test_no_difference_anywhere_still_leaves_some_possible() -> None:
    found = share_mean_difference([0.3] * 20, [0.3] * 20)
    assert (found.difference, found.p_value) == (0, 1)
    assert (found.low, found.high) == pytest.approx((-0.1797, 0.1797), abs=1e-4)


def test_equal_differences_have_the_sign_flips_p_value() -> None:
    found = share_mean_difference([0.25] * 8, [0.5] * 8)
    assert found.p_value == 2 / 2**8
    assert found.low is not None
    assert found.low < 0.25


@given(shares)
def test_turning_round_turns_the_bounds(values: list[float]) -> None:
    others = values[1:] + values[:1]
    there, back = share_mean_difference(values, others), share_mean_difference(others, values)
    assert (back.low, back.high) == pytest.approx((-(there.high or 0), -(there.low or 0)), abs=1e-9)
    assert back.p_value == there.p_value


@pytest.mark.parametrize("n", [30, 100])
def test_differences_that_are_seldom_are_covered(n: int) -> None:
    generator = np.random.default_rng(n)
    held, student, rejected = [], [], []
    for _ in range(1200):
        before = 0.5 * generator.random(n)
        gains = np.where(generator.random(n) < 0.1, 0.5 * generator.random(n), 0)
        held.append(holds(share_mean_difference(before, before + gains), 0.025))
        student.append(holds(paired_difference(before, before + gains), 0.025))
        none = gains * generator.choice([-1, 1], n)
        found = share_mean_difference(before + 0.5, before + 0.5 + none)
        assert found.p_value is not None
        rejected.append(not holds(found, 0) and found.p_value < 0.05)
    assert np.mean(held) >= 0.92
    assert np.mean(held) > np.mean(student)
    assert np.mean(rejected) <= 0.05


def test_clusters_count_as_one() -> None:
    generator = np.random.default_rng(3)
    before, after = generator.random(20), generator.random(20)
    once = share_mean_difference(before, after)
    clusters = np.repeat(np.arange(20), 3)
    thrice = share_mean_difference(np.repeat(before, 3), np.repeat(after, 3), clusters=clusters)
    assert (thrice.low, thrice.high, thrice.p_value) == pytest.approx((once.low, once.high, once.p_value), rel=1e-9)
    assert (thrice.n, thrice.n_clusters) == (60, 20)
    assert thrice.method == "Wilson of gains and losses, p by paired Student t over 20 clusters"


def test_records_without_a_value_are_left_out_and_counted() -> None:
    nan = math.nan
    whole, found = share_mean_interval([0.1, 0.5, 0.2]), share_mean_interval([0.1, nan, 0.5, 0.2])
    assert (found.low, found.high, found.n, found.n_left_out) == (whole.low, whole.high, 3, 1)
    assert share_mean_interval([nan]).method == "no bounds: no values"
    assert share_mean_difference([0.1], [0.3]).method == "no test: one record"
