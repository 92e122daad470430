from __future__ import annotations

import math

import pytest

from outcrop.reports import numbers

from .samples import comparison, score

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "low", "high", "printed", "interval"),
    [
        (0.3221, 0.2953, 0.3489, "0.322", "0.295 to 0.349"),
        (0.3221, 0.1, 0.6, "0.32", "0.10 to 0.60"),
        (38.9, 33.7, 44.1, "38.9", "33.7 to 44.1"),
        (1234.5, 900.0, 1600.0, "1,234", "900 to 1,600"),
        (0.5, 0.49999, 0.50001, "0.500000", "0.499990 to 0.500010"),
        (0.5, 0.5, 0.5, "0.500", "0.500 to 0.500"),
        (-0.0001, -0.2, 0.2, "0.00", "−0.20 to 0.20"),
        (0.25, None, None, "0.250", "not enough data (n=128)"),
        (None, None, None, "–", "undefined on these records"),
        (NAN, NAN, math.inf, "–", "undefined on these records"),
    ],
)
def test_a_value_has_two_digits_of_its_interval(
    value: float | None, low: float | None, high: float | None, printed: str, interval: str
) -> None:
    one = score("smollm2-135m-instruct-q4_1", "rougeL", value=value, low=low, high=high)
    assert (numbers.score_value(one), numbers.score_interval(one)) == (printed, interval)


def test_a_score_over_no_records_says_so() -> None:
    assert numbers.score_interval(score("m", "rougeL", value=None, n_scored=0, n_given=0)) == "no records"
    assert numbers.score_interval(score("m", "rougeL", value=None, n_scored=0)) == "no record could be scored"


@pytest.mark.parametrize(
    ("difference", "low", "high", "printed", "interval"),
    [
        (0.1034, 0.0793, 0.1275, "+0.103", "+0.079 to +0.128"),
        (-0.0412, -0.1022, 0.0198, "−0.041", "−0.102 to +0.020"),
        (0.0, -0.1, 0.1, "0.00", "−0.10 to +0.10"),
        (0.3, None, None, "–", "not enough data (n=126)"),
        (None, None, None, "–", "not enough data (n=126)"),
    ],
)
def test_a_difference_has_a_sign_and_does_not_wobble(
    difference: float | None, low: float | None, high: float | None, printed: str, interval: str
) -> None:
    one = comparison(difference=difference, low=low, high=high)
    assert (numbers.difference(one), numbers.difference_interval(one)) == (printed, interval)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.0, "p < 0.001"),
        (0.00099, "p < 0.001"),
        (0.001, "p = 0.001"),
        (0.0123, "p = 0.012"),
        (0.0999, "p = 0.100"),
        (0.3449, "p = 0.34"),
        (0.99, "p = 0.99"),
        (1.0, "p > 0.99"),
        (None, ""),
        (NAN, ""),
    ],
)
def test_p_values(value: float | None, printed: str) -> None:
    assert numbers.p_value(value) == printed


@pytest.mark.parametrize(
    ("share", "printed"),
    [(0.0, "0%"), (0.0042, "0.42%"), (0.041, "4.1%"), (0.44, "44%"), (0.0999, "10%"), (1.0, "100%"), (None, "–")],
)
def test_percentages(share: float | None, printed: str) -> None:
    assert numbers.percent(share) == printed


@pytest.mark.parametrize(
    ("name", "value", "printed"),
    [
        ("tokens_per_second", 412.7, "413"),
        ("tokens_per_second", 12_412.7, "12,413"),
        ("padding_share", 0.031, "3.1%"),
        ("near_ties", 3.0, "3"),
        ("seconds", 4.256, "4.26"),
        ("seconds", NAN, "–"),
        ("latency_p99", 0.42184, "0.422 s"),
        ("latency_p50", NAN, "–"),
    ],
)
def test_efficiency_figures(name: str, value: float, printed: str) -> None:
    assert numbers.figure(name, value) == printed


def test_two_values_are_printed_so_that_they_differ() -> None:
    assert numbers.against(0.3221, 0.2187) == ("0.32", "0.22")
    assert numbers.against(0.32210, 0.32178) == ("0.32210", "0.32178")
    assert numbers.against(0.5, 0.5) == ("0.50", "0.50")
    assert numbers.against(0.5, None) == ("0.500", "–")


def test_counts() -> None:
    assert numbers.scored(1188, 1200) == "1,188 of 1,200 scored"
    assert (numbers.records(1), numbers.records(1300)) == ("1 record", "1,300 records")
    assert [numbers.rounded_up(n) for n in (0.4, 7.2, 99.1, 1234, 98_700)] == [1, 8, 100, 1300, 99_000]
