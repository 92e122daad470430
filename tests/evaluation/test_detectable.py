"""What a comparison could show, against the noncentral t distribution of SciPy's statistics package."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import nct, t

from outcrop.domain.errors import InvalidInput
from outcrop.domain.scores import Direction
from outcrop.evaluation.detectable import detectable
from outcrop.evaluation.scoring import Scored, comparisons
from outcrop.metrics.length_ratio import length_ratio
from outcrop.metrics.protocol import Pair
from tests.evaluation.doubles import MEAN, comparison


@pytest.fixture
def draws() -> np.random.Generator:
    """The same numbers for each test."""
    return np.random.default_rng(4)


def power(difference: float, deviation: float, n: int) -> float:
    """The chance of a two-sided paired t test at 0.05 by its definition."""
    shift, edge = difference / deviation * math.sqrt(n), t.ppf(0.975, n - 1)
    return float(nct.sf(edge, n - 1, shift) + nct.cdf(-edge, n - 1, shift))


def column(values: object) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)[:, None]


@pytest.mark.parametrize("n", [12, 128, 1000])
def test_the_difference_is_found_four_times_in_five(n: int, draws: np.random.Generator) -> None:
    before, after = draws.normal(0.4, 0.2, n), draws.normal(0.42, 0.2, n)
    found = detectable(MEAN, column(before), column(after), comparison(0, 1, n=n))
    deviation = float(np.std(after - before, ddof=1))
    assert found.deviation == pytest.approx(deviation, rel=1e-12)
    assert found.difference is not None
    assert power(found.difference, deviation, n) == pytest.approx(0.8, abs=1e-6)
    assert found.basis == "the paired standard deviation seen"


def test_the_records_that_a_difference_takes_are_the_fewest(draws: np.random.Generator) -> None:
    before, after = draws.normal(0.4, 0.2, 128), draws.normal(0.42, 0.2, 128)
    found = detectable(MEAN, column(before), column(after), comparison(0, 1, n=128), wanted=0.03)
    assert found.deviation is not None
    assert found.records is not None
    assert power(0.03, found.deviation, found.records) >= 0.8 > power(0.03, found.deviation, found.records - 1)


def test_records_in_clusters_count_as_clusters(draws: np.random.Generator) -> None:
    """Each user's eight records are one record eight times: 40 users scatter as 40 records do."""
    before, after = draws.normal(0.4, 0.2, 40), draws.normal(0.42, 0.2, 40)
    alone = detectable(MEAN, column(before), column(after), comparison(0, 1, n=40), wanted=0.05)
    users = [str(place) for place in range(40) for _ in range(8)]
    rows = column(before.repeat(8)), column(after.repeat(8))
    together = detectable(MEAN, *rows, comparison(0, 1, n=320), clusters=users, wanted=0.05)
    assert together.difference == pytest.approx(alone.difference, rel=1e-9)
    assert alone.records is not None
    assert together.records == 8 * alone.records
    assert together.basis == "the paired standard deviation seen, by clusters"


def test_what_is_no_mean_scatters_as_its_interval_says(draws: np.random.Generator) -> None:
    metric = length_ratio()
    pairs = [("x " * draws.poisson(9), "y " * draws.poisson(9), "r " * 8) for _ in range(200)]
    rows = [metric.prepare([Pair(responses[at], (responses[2],)) for responses in pairs]) for at in (0, 1)]
    (compared,) = comparisons(
        [Scored(name, (), {metric.name: each}) for name, each in zip("ab", rows, strict=True)], [metric], seed=0
    )
    found = detectable(metric, rows[0], rows[1], compared)
    # All references have eight words, so the ratio's difference is the mean of the words' differences by eight.
    words = (rows[1] - rows[0])[:, metric.columns.index("n_response")] / 8
    assert found.deviation == pytest.approx(float(words.std(ddof=1)), rel=0.06)
    assert found.basis == "the interval’s width"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ([0.5], [0.7], "too few records"),
        ([np.nan, 0.5], [0.7, np.nan], "too few records"),
        ([0.5, 0.6, 0.7], [0.5, 0.6, 0.7], "all records differ by the same"),
        ([1.0, 2.0], [np.inf, 2.0], "too few records"),
    ],
)
def test_where_nothing_tells_nothing_is_said(before: list[float], after: list[float], words: str) -> None:
    found = detectable(MEAN, column(before), column(after), comparison(None, None, n=len(before)), wanted=0.1)
    assert (found.difference, found.deviation, found.records) == (None, None, None)
    assert words in found.basis


def test_no_interval_of_a_sum_says_nothing() -> None:
    metric = length_ratio()
    rows = metric.prepare([Pair("a", ("a",))])
    found = detectable(metric, rows, rows, comparison(None, None, n=1, direction=Direction.NONE))
    assert found.difference is None


@pytest.mark.parametrize("wanted", [0.0, 1e-9])
def test_a_difference_that_no_records_show_is_refused(wanted: float, draws: np.random.Generator) -> None:
    rows = column(draws.normal(size=20)), column(draws.normal(size=20))
    with pytest.raises(InvalidInput):
        detectable(MEAN, *rows, comparison(0, 1, n=20), wanted=wanted)
