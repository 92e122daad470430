from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.compare import interval
from outcrop.metrics.statistics.krippendorff import Level, Unit, krippendorff_alpha

FIXTURES = Path(__file__).parents[2] / "fixtures" / "statistics"
ORACLE: dict[str, Any] = json.loads((FIXTURES / "agreement.json").read_text(encoding="utf-8"))
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")

#: Krippendorff 2011, example C: four observers of twelve units.
C = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]


def units_of(observers: list[str]) -> list[Unit]:
    return [[None if value == "." else float(value) for value in unit] for unit in zip(*observers, strict=True)]


def alpha(units: list[Unit], values: list[Any], level: Level) -> float:
    metric = krippendorff_alpha(values, level)
    return metric.score(metric.prepare(units))


@pytest.mark.parametrize("case", ORACLE["alpha"], ids=lambda case: str(case["values"]["nominal"]))
def test_equals_the_package_krippendorff(case: dict[str, Any]) -> None:
    for level in LEVELS:
        found = alpha(case["units"], [1, 2, 3, 4, 5], level)
        assert found == pytest.approx(case["values"][level], abs=1e-9), level


@pytest.mark.parametrize(
    ("level", "expected"), [("nominal", 0.7434), ("ordinal", 0.8154), ("interval", 0.8491), ("ratio", 0.7974)]
)
def test_the_published_example_of_four_observers(level: Level, expected: float) -> None:
    assert alpha(units_of(C), [1.0, 2.0, 3.0, 4.0, 5.0], level) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("0100000010", "1110010000", 0.0952), ("aabbdcccedda", "babbbccceddd", 0.6920)],
)
def test_the_published_examples_of_two_observers(one: str, other: str, expected: float) -> None:
    units: list[Unit] = list(zip(one, other, strict=True))
    assert alpha(units, sorted(set(one + other)), "nominal") == pytest.approx(expected, abs=5e-5)


def test_one_value_everywhere_is_undefined() -> None:
    assert math.isnan(alpha([(1, 1), (1, 1)], [1, 2], "nominal"))
    assert math.isnan(alpha([], [1, 2], "ordinal"))


def test_a_unit_seen_once_is_left_out_and_counted() -> None:
    metric = krippendorff_alpha([1, 2], "nominal")
    rows = metric.prepare([(1, 1), (2, 2), (1, None), (None, None)])
    assert metric.score(rows) == 1
    found = interval(metric, rows, seed=0)
    assert (found.n, found.n_left_out) == (2, 2)


def test_the_interval_draws_units() -> None:
    metric = krippendorff_alpha([0, 1], "nominal")
    found = interval(metric, metric.prepare([(0, 0), (1, 1), (0, 1)] * 30), seed=3)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert "bootstrap" in found.method


@given(st.lists(st.lists(st.sampled_from([1, 2, 3, None]), min_size=2, max_size=4), min_size=2, max_size=12))
def test_it_does_not_depend_on_the_order_of_units_or_observers(units: list[list[int | None]]) -> None:
    turned: list[Unit] = [list(reversed(unit)) for unit in reversed(units)]
    for level in LEVELS:
        one, other = alpha(list(units), [1, 2, 3], level), alpha(turned, [1, 2, 3], level)
        assert one == pytest.approx(other, nan_ok=True, abs=1e-12)


@pytest.mark.parametrize(
    ("values", "level", "expected"),
    [
        (["a"], "nominal", "two values or more"),
        ([1, 1], "nominal", "each once"),
        (["a", "b"], "interval", "numbers"),
    ],
)
def test_values_that_cannot_be_measured_are_refused(values: list[Any], level: Level, expected: str) -> None:
    with pytest.raises(InvalidInput, match=expected):
        krippendorff_alpha(values, level)


def test_a_value_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput, match="found 9; expected one of 1, 2"):
        krippendorff_alpha([1, 2], "nominal").prepare([(1, 9)])
