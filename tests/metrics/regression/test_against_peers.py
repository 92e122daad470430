"""Every metric against scikit-learn, statsmodels or utilsforecast, on the same cases."""

from __future__ import annotations

from typing import Any

import pytest

from outcrop.metrics.regression import METRICS

from .doubles import TOLERANCE, every_case, items_of, value


@every_case
@pytest.mark.parametrize("name", [name for name in METRICS if name != "mase"])
def test_equals_its_peer(case: dict[str, Any], name: str) -> None:
    expected = pytest.approx(case["values"][name], rel=TOLERANCE, abs=TOLERANCE)
    assert value(METRICS[name](), items_of(case)) == expected
