from __future__ import annotations

import math

import numpy as np
import pytest

from outcrop.metrics.missing import missing_bounds


def test_the_mean_improves_when_failures_vanish_and_the_bounds_show_it() -> None:
    answers_all, fails_the_hard_half = np.array([1, 1, 0, 1.0]), np.array([1, 1, math.nan, math.nan])
    assert np.nanmean(fails_the_hard_half) > answers_all.mean()
    assert missing_bounds(answers_all, low=0, high=1) == (0.75, 0.75)
    assert missing_bounds(fails_the_hard_half, low=0, high=1) == (0.5, 1)


def test_ends() -> None:
    assert missing_bounds(np.array([math.nan]), low=1, high=5) == (1, 5)
    assert missing_bounds(np.array([]), low=0, high=1) == pytest.approx((math.nan, math.nan), nan_ok=True)
