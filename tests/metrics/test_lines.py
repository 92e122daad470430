"""What every metric of a table promises, on drawn lines; and what they share."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.metrics import classification, forecast, regression
from outcrop.metrics.classification.calibration import calibration_error, top_label_calibration_error
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.cost import mean_cost
from outcrop.metrics.classification.f1 import averaged_f1, averaged_precision
from outcrop.metrics.forecast.forecasted import Forecasted
from outcrop.metrics.lines import exact_sum
from outcrop.metrics.protocol import Metric
from outcrop.metrics.regression.estimated import Estimated
from outcrop.metrics.rows import has_value
from outcrop.metrics.statistics.compare import interval

from .doubles import same

# For each of several promises and some fifty metrics: together a few seconds.
EXAMPLES = 10

LABELS = ["a", "b", "c"]
LEVELS = [0.1, 0.5, 0.9]

labels = st.none() | st.sampled_from([*LABELS, "?"])
chances = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, math.nan])
tenths = st.integers(-100, 100).map(lambda tenths: tenths / 10)
numbers = st.none() | st.sampled_from([0.0, 0.1, -3.7, 1e3, math.nan, math.inf]) | tenths


class Family(NamedTuple):
    """Items that can be drawn, and the metrics of them."""

    items: st.SearchStrategy[Any]
    metrics: list[Metric[Any]]


def of_two(label: str | None, prediction: str | None, chance: float) -> Classified:
    return Classified(label, prediction, {"a": chance, "b": 1 - chance, "c": 0.0})


FAMILIES = (
    Family(
        st.builds(of_two, labels, labels, chances),
        [
            *(make(LABELS, "a") for make in classification.METRICS.values()),
            averaged_f1(LABELS, absent="skip"),
            averaged_precision(LABELS, "weighted", absent="undefined"),
            calibration_error("a", bins=3, binning="mass"),
            top_label_calibration_error(bins=3, binning="mass"),
            mean_cost("a", "3*fn + 0.1*fp"),
        ],
    ),
    Family(
        st.builds(Estimated, numbers, numbers, st.none() | st.sampled_from([0.0, 0.5, 2.0])),
        [make() for make in regression.METRICS.values()],
    ),
    Family(
        st.builds(Forecasted, numbers, st.fixed_dictionaries(dict.fromkeys(LEVELS, tenths))),
        [metric for make in forecast.METRICS.values() for metric in make(LEVELS)],
    ),
)

every_metric = pytest.mark.parametrize(
    ("items", "metric"),
    [(family.items, metric) for family in FAMILIES for metric in family.metrics],
    ids=lambda given: getattr(given, "signature", "of"),
)
some = settings(max_examples=EXAMPLES)


def equal(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))


@every_metric
@some
@given(data=st.data())
def test_promises(items: st.SearchStrategy[Any], metric: Metric[Any], data: st.DataObject) -> None:
    drawn: Sequence[Any] = data.draw(st.lists(items, max_size=10))
    rows = metric.prepare(drawn)
    value = metric.score(rows)
    check_rows(metric, drawn, rows)
    # Neither the order, nor lines without a value, change the score; nor does every line twice, but for rounding, and
    # where bins end at quantiles: those lie between two values and move.
    shuffled = random.Random(len(drawn)).sample(drawn, len(drawn))
    assert equal(metric.score(metric.prepare(shuffled)), value)
    assert equal(metric.score(rows[has_value(rows)]), value)
    if "binning:mass" not in metric.signature:
        assert metric.score(np.concatenate([rows, rows])) == pytest.approx(value, rel=1e-12, nan_ok=True)
    check_shape(metric, rows, value)


def check_rows(metric: Metric[Any], drawn: Sequence[Any], rows: Any) -> None:
    cut = len(drawn) // 2
    parts = np.concatenate([metric.prepare(drawn[:cut]), metric.prepare(drawn[cut:])])
    assert same(parts, rows)
    assert rows.shape == (len(drawn), len(metric.columns))
    assert np.array_equal(np.isnan(rows).any(axis=1), np.isnan(rows).all(axis=1))


def check_shape(metric: Metric[Any], rows: Any, value: float) -> None:
    values, left = metric.per_record(rows), rows[has_value(rows)]
    if values is not None:
        assert np.array_equal(np.isnan(values), ~has_value(rows))
        assert len(left) == 0 or value == pytest.approx(values[~np.isnan(values)].mean(), rel=1e-9, abs=1e-9)
    sums = metric.of_sums(np.stack([left.sum(axis=0), 2 * left.sum(axis=0)])) if len(left) else None
    if sums is not None:
        assert sums.shape == (2,)
        assert sums == pytest.approx(np.array([value, value]), rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", classification.METRICS)
@some
@given(st.lists(st.builds(of_two, labels, labels, chances), max_size=10))
def test_other_names_of_labels_change_nothing(name: str, drawn: list[Classified]) -> None:
    names: dict[str | None, str] = {"a": "x|1", "b": "y,2", "c": "", "?": "*"}
    renamed = [
        replace(
            item,
            label=names.get(item.label),
            prediction=names.get(item.prediction),
            scores={names[label]: score for label, score in (item.scores or {}).items()},
        )
        for item in drawn
    ]
    before = classification.METRICS[name](LABELS, "a")
    after = classification.METRICS[name]([names[label] for label in LABELS], names["a"])
    assert equal(before.score(before.prepare(drawn)), after.score(after.prepare(renamed)))


def test_intervals_come_from_the_rows() -> None:
    drawn = random.Random(1)
    items = [of_two(drawn.choice("ab"), drawn.choice("ab"), drawn.choice([0.2, 0.5, 0.9])) for _ in range(60)]
    for name in ("accuracy", "f1", "roc_auc"):
        metric = classification.METRICS[name](["a", "b"], "a")
        found = interval(metric, metric.prepare(items), seed=1)
        assert found.low is not None, name
        assert found.high is not None, name
        assert found.low < metric.score(metric.prepare(items)) < found.high, name


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.1] * 10, 1.0), ([1e16, 1.0, -1e16], 1.0), ([], 0.0), ([1e308, 1e308], math.inf), ([math.inf, 1], math.inf)],
)
def test_sums_are_rounded_once(values: list[float], expected: float) -> None:
    assert exact_sum(np.array(values)) == expected
