from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.mcnemar import mid_p_mcnemar
from outcrop.metrics.statistics.paired import PairedDifference
from outcrop.metrics.statistics.paired_shares import paired_share_difference, tango_bounds

from .oracles import cases

counts = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40))


@pytest.mark.parametrize("case", cases("tango"), ids=lambda case: f"{case['gained']}:{case['lost']} of {case['n']}")
def test_equals_a_likelihood_maximised_by_search(case: dict[str, Any]) -> None:
    found = tango_bounds(case["gained"], case["lost"], case["n"], case["confidence"])
    # The search for the likelihood's top is good to some 1e-8, as tops are flat.
    assert found == pytest.approx(case["bounds"], abs=1e-7)


def test_printed_values() -> None:
    # Fagerland, Lydersen & Laake, "Recommended Tests and Confidence Intervals for Paired Binomial Proportions", 2014.
    assert tango_bounds(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize(("n", "least"), [(10, 0.935), (20, 0.935), (30, 0.925)])
def test_covers_about_what_it_says(n: int, least: float) -> None:
    pairs = [(gained, lost) for gained, lost in product(range(n + 1), repeat=2) if gained + lost <= n]
    lows, highs = np.array([tango_bounds(gained, lost, n) for gained, lost in pairs]).T
    found = []
    for discordance, share_gained in product(np.arange(0.02, 0.92, 0.1), np.arange(0.5, 1, 0.1)):
        chances = np.array([trinomial(n, *pair, discordance, share_gained) for pair in pairs])
        true = discordance * (2 * share_gained - 1)
        found.append(float(chances[(lows <= true + 1e-12) & (true <= highs + 1e-12)].sum()))
    assert min(found) >= least
    assert np.mean(found) >= 0.95


def trinomial(n: int, gained: int, lost: int, discordance: float, share_gained: float) -> float:
    parts = (gained, discordance * share_gained), (lost, discordance * (1 - share_gained))
    rest = n - gained - lost, 1 - discordance
    ways = gammaln(n + 1) - gammaln(gained + 1) - gammaln(lost + 1) - gammaln(rest[0] + 1)
    return math.exp(ways + sum(count * math.log(share) for count, share in (*parts, rest)))


@given(counts)
def test_holds_what_was_seen_and_mirrors(drawn: tuple[int, int, int]) -> None:
    gained, lost, others = drawn
    n = gained + lost + others
    low, high = tango_bounds(gained, lost, n)
    assert -1 <= low <= (gained - lost) / n <= high <= 1
    assert low < high
    assert tango_bounds(lost, gained, n) == pytest.approx((-high, -low), abs=1e-12)


def test_a_difference_has_tangos_bounds_and_mcnemars_mid_p() -> None:
    before = [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, math.nan, 0]
    after = [1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, math.nan]
    found = paired_share_difference(before, after)
    low, high = tango_bounds(6, 1, 10)
    method = "Tango score, p by McNemar's mid-p"
    assert found == PairedDifference(0.5, low, high, mid_p_mcnemar(6, 1), method, 10, 2)


def test_no_difference_anywhere_still_leaves_some_possible() -> None:
    found = paired_share_difference([0, 1] * 10, [0, 1] * 10)
    # Of 20 records none differs: Wilson's upper bound of 0 of 20 for gains, and the same for losses.
    assert (found.low, found.high) == pytest.approx((-0.1611, 0.1611), abs=5e-5)
    assert (found.difference, found.p_value) == (0, 1)


def test_too_little_to_test() -> None:
    assert paired_share_difference([1], [0]) == PairedDifference(-1.0, None, None, None, "no test: one record", 1)
    assert paired_share_difference([], []).method == "no test: no record has both values"


@pytest.mark.parametrize("wrong", [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_what_are_no_counts_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(
        InvalidInput, match=f"found {wrong[0]} gained and {wrong[1]} lost of {wrong[2]}; expected counts"
    ):
        tango_bounds(*wrong)
    with pytest.raises(InvalidInput, match="confidence"):
        tango_bounds(1, 1, 5, 1.5)
