from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.mcnemar import exact_mcnemar, mid_p_mcnemar

from .oracles import cases


@pytest.mark.parametrize("case", cases("mcnemar"), ids=lambda case: f"{case['gained']}:{case['lost']}")
def test_equals_the_binomial_distribution_in_fractions(case: dict[str, Any]) -> None:
    assert exact_mcnemar(case["gained"], case["lost"]) == pytest.approx(case["exact"], rel=1e-9)
    assert mid_p_mcnemar(case["gained"], case["lost"]) == pytest.approx(case["mid_p"], rel=1e-9)


def test_printed_values() -> None:
    # Agresti, "Categorical Data Analysis", table 10.1: 150 and 86 of 1,600 changed their mind.
    assert exact_mcnemar(150, 86) == pytest.approx(3.716e-5, rel=1e-3)
    # Fagerland, Lydersen & Laake 2013, on 21 children before and after a transplantation.
    assert exact_mcnemar(1, 7) == pytest.approx(0.070, abs=5e-4)
    assert mid_p_mcnemar(1, 7) == pytest.approx(0.039, abs=5e-4)


def rejections(test: Any, n: int) -> list[float]:
    """How often a test rejects at 0.05 where neither model is better, over all outcomes, for shares that disagree."""
    pairs = [(gained, lost) for gained in range(n + 1) for lost in range(n + 1 - gained)]
    rejected = np.array([test(gained, lost) <= 0.05 for gained, lost in pairs])
    throws = np.array([gained + lost for gained, lost in pairs])
    heads = np.array([gained for gained, _ in pairs])
    given_throws = stats.binom.pmf(heads, throws, 0.5)
    return [
        float((stats.binom.pmf(throws, n, discordance) * given_throws * rejected).sum())
        for discordance in np.arange(0.02, 1.001, 0.02)
    ]


@pytest.mark.parametrize("n", [10, 30, 100])
def test_rejects_no_more_often_than_it_may(n: int) -> None:
    exact, mid_p = rejections(exact_mcnemar, n), rejections(mid_p_mcnemar, n)
    assert max(exact) <= 0.05
    # The mid-p is no exact test. It goes no further beyond unless nearly all records disagree, as models hardly do.
    assert max(mid_p[:45]) <= 0.0505
    assert max(mid_p) <= 0.058
    assert all(more >= less for more, less in zip(mid_p, exact, strict=True))


def test_turning_round_changes_nothing() -> None:
    for test in (exact_mcnemar, mid_p_mcnemar):
        assert test(3, 11) == test(11, 3)
        assert test(4, 4) == test(0, 0) == 1


def test_counts_below_zero_are_refused() -> None:
    for test in (exact_mcnemar, mid_p_mcnemar):
        with pytest.raises(InvalidInput, match="found -1 gained and 2 lost; expected counts of 0 or more"):
            test(-1, 2)
