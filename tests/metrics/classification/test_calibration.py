from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.classification.calibration import (
    Binning,
    calibration_error,
    reliability,
    top_label_calibration_error,
)
from outcrop.metrics.classification.classified import Classified

from .doubles import TOLERANCE, a_case, case_names, scored, value

BINNINGS: tuple[Binning, ...] = ("width", "mass")


@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("bins", [5, 10])
@pytest.mark.parametrize("name", case_names("binary"))
def test_equals_scikit_learns_curve(name: str, bins: int, binning: Binning) -> None:
    case = a_case("binary", name)
    items = scored(zip(case["happened"], case["scores"], strict=True))
    expected = case["values"]["calibration"][f"{binning} {bins}"]
    table = reliability(items, "yes", bins=bins, binning=binning)
    assert [each.n for each in table] == expected["n"]
    assert [each.mean_probability for each in table] == pytest.approx(expected["mean"], abs=TOLERANCE)
    assert [each.share for each in table] == pytest.approx(expected["share"], abs=TOLERANCE)
    found = value(calibration_error("yes", bins=bins, binning=binning), items)
    assert found == pytest.approx(expected["error"], abs=TOLERANCE)


@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("name", case_names("classes"))
def test_top_label_equals_scikit_learns_curve(name: str, binning: Binning) -> None:
    case = a_case("classes", name)
    names = "abcd"[: len(case["chances"][0])]
    items = [
        Classified(names[right], names[int(np.argmax(chances))], dict(zip(names, chances, strict=True)))
        for right, chances in zip(case["right"], case["chances"], strict=True)
    ]
    found = value(top_label_calibration_error(binning=binning), items)
    assert found == pytest.approx(case["values"][f"top_label_{binning}"], abs=TOLERANCE)


def shares(per_level: int) -> list[Any]:
    """For each of eleven probabilities, as many positives as it says."""
    return [(place < level * per_level / 10, level / 10) for level in range(11) for place in range(per_level)]


@pytest.mark.parametrize("binning", BINNINGS)
def test_calibrated_probabilities_have_none(binning: Binning) -> None:
    assert value(calibration_error("yes", binning=binning), scored(shares(20))) == pytest.approx(0, abs=TOLERANCE)


def test_the_same_ranking_can_be_badly_calibrated() -> None:
    low = [(so, chance / 2) for so, chance in shares(20)]
    assert value(calibration_error("yes", bins=20), scored(low)) == pytest.approx(0.25)


def test_the_value_depends_on_the_bins() -> None:
    items = scored([(0, 0.1), (1, 0.4)])
    found = [value(calibration_error("yes", bins=bins), items) for bins in (1, 2, 4)]
    assert found == pytest.approx([0.25, 0.25, 0.35])
    assert len({calibration_error("yes", bins=bins).signature for bins in (1, 2, 4)}) == 3


@pytest.mark.parametrize("binning", BINNINGS)
def test_odd_values(binning: Binning) -> None:
    metric = calibration_error("yes", binning=binning)
    assert math.isnan(value(metric, []))
    assert value(metric, scored([(1, 0.75)])) == 0.25
    items = [*scored([(1, 0.75), (1, 1.2), (1, math.nan)]), Classified(None, None, {"yes": 0.5})]
    rows = metric.prepare(items)
    assert [math.isnan(row[0]) for row in rows] == [False, True, True, True]
    assert metric.score(rows) == 0.25
    assert reliability([], "yes") == ()
    # The model said "?", and gave it no probability.
    top = top_label_calibration_error(binning=binning)
    assert math.isnan(value(top, [Classified("a", "?", {"a": 1.0}), Classified("a", None, {"a": 1.0})]))


def test_no_bins_are_refused() -> None:
    for make in (lambda: calibration_error("yes", bins=0), lambda: reliability([], "yes", bins=0)):
        with pytest.raises(InvalidInput, match="bins: found 0; expected 1 or more"):
            make()
    with pytest.raises(InvalidInput, match="binning: found 'count'; expected one of width, mass"):
        calibration_error("yes", binning="count")  # type: ignore[arg-type]
