from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.mcnemar import mid_p_mcnemar
from outcrop.metrics.statistics.power import (
    Design,
    PairedMeans,
    PairedShares,
    SeparateShares,
    detectable_difference,
    power,
    required_records,
)

from .oracles import cases


@pytest.mark.parametrize("case", cases("power"), ids=lambda case: str(case["n"]))
def test_paired_means_equal_statsmodels_and_scipy(case: dict[str, Any]) -> None:
    design, alpha = PairedMeans(case["deviation"]), case["alpha"]
    assert power(design, case["difference"], case["n"], alpha=alpha) == pytest.approx(case["power"], abs=1e-9)
    assert required_records(design, case["difference"], alpha=alpha) == case["records"]
    assert detectable_difference(design, case["n"], alpha=alpha) == pytest.approx(case["detectable"], rel=1e-9)


@pytest.mark.parametrize(
    ("points", "paired", "separate"), [(1, 7_841, 32_965), (2, 1_954, 8_241), (3, 864, 3_663), (5, 306, 1_319)]
)
def test_design_numbers(points: int, paired: int, separate: int) -> None:
    # For 80 % power, (z(0.975) + z(0.8))² · variance / difference², as worked out by hand and rounded to the nearest;
    # a whole number that reaches the power is the next one up.
    assert required_records(PairedShares(0.1), points / 100) in (paired, paired + 1)
    assert required_records(SeparateShares(0.7), points / 100) in (separate, separate + 1)


@pytest.mark.parametrize("design", [PairedMeans(0.3), PairedShares(0.2), SeparateShares(0.6)], ids=repr)
def test_the_three_agree(design: Design) -> None:
    needed = required_records(design, 0.05)
    assert power(design, 0.05, needed) >= 0.8 > power(design, 0.05, needed - 1)
    least = detectable_difference(design, needed)
    assert least is not None
    assert 0.0495 < least <= 0.05
    assert power(design, least, needed) == pytest.approx(0.8, abs=1e-9)
    assert power(design, -0.05, needed) == power(design, 0.05, needed)
    assert required_records(design, 0.05, power=0.9) > needed
    assert required_records(design, 0.05, alpha=0.01) > needed


def test_power_at_no_difference_is_alpha() -> None:
    for design in (PairedMeans(2.0), PairedShares(0.2), SeparateShares(0.5)):
        assert power(design, 0, 50) == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize(("n", "difference"), [(306, 0.05), (864, 0.03)])
def test_paired_shares_are_found_as_often_as_said(n: int, difference: float) -> None:
    # Over all outcomes: 10 % of the records disagree, and of these so many are gains that the difference comes out.
    share_gained = 0.5 + difference / 0.2
    found = 0.0
    for throws in range(int(0.04 * n), int(0.18 * n)):
        heads = np.arange(throws + 1)
        rejected = [mid_p_mcnemar(int(gained), int(throws - gained)) < 0.05 for gained in heads]
        found += stats.binom.pmf(throws, n, 0.1) * stats.binom.pmf(heads, throws, share_gained)[rejected].sum()
    assert found == pytest.approx(0.8, abs=0.015)


def test_few_records() -> None:
    assert power(PairedMeans(1.0), 5.0, 1) == 0
    assert required_records(PairedShares(1.0), 1.0) == 2
    # Even if all of the 2 % that differ go one way, 20 records don't show it 4 times in 5.
    assert detectable_difference(PairedShares(0.02), 20) is None
    assert math.isclose(detectable_difference(PairedMeans(1e6), 100) or 0, 283_000, rel_tol=0.01)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: PairedMeans(0.0), "deviation: found 0; expected above 0"),
        (lambda: PairedShares(1.2), "discordance: found 1.2; expected a share above 0 and at most 1"),
        (lambda: SeparateShares(1.0), "share: found 1; expected a share above 0 and below 1"),
        (lambda: power(PairedShares(0.1), 0.2, 10), "difference: found 0.2; expected at most 0.1 either way"),
        (lambda: power(PairedMeans(1.0), 0.2, 0), "n: found 0; expected 1 or more"),
        (lambda: power(PairedMeans(1.0), 0.2, 9, alpha=5), "alpha: found 5; expected a share between 0 and 1"),
        (lambda: required_records(PairedMeans(1.0), 0.0), "difference: found 0; expected another one than 0"),
        (lambda: required_records(PairedMeans(1.0), 1e-9), "expected one that 1,000,000,000,000 records show"),
        (
            lambda: required_records(PairedMeans(1.0), 1.0, power=0.01),
            r"power: found 0.01; expected a share above alpha",
        ),
        (lambda: detectable_difference(PairedMeans(1.0), 1), "n: found 1; expected 2 or more"),
    ],
)
def test_what_can_not_be_planned_is_refused(call: Any, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        call()
