"""What the tests of BLEU, chrF and TER share: sacrebleu's values of the same texts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from outcrop.metrics.protocol import Pair, TextMetric

from .doubles import FIXTURES

# sacrebleu's values are stored with 10 digits; what is left is the rounding of logarithms.
TOLERANCE = 1e-9

_FIXTURE = json.loads((FIXTURES / "translation.json").read_text(encoding="utf-8"))
PAIRS = [Pair(case["response"], tuple(case["references"])) for case in _FIXTURE["cases"]]


def settings_of(metric: str) -> list[dict[str, Any]]:
    """The settings that sacrebleu's values of a metric were made with."""
    return [one["settings"] for one in _FIXTURE[metric]]


def expected(metric: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Sacrebleu's values: ``corpus``, and ``sentences`` of each pair."""
    found: dict[str, Any] = next(one for one in _FIXTURE[metric] if one["settings"] == settings)
    return found


def check(metric: TextMetric, name: str, settings: dict[str, Any]) -> None:
    """The score of all pairs, and of each pair alone, are sacrebleu's."""
    wanted = expected(name, settings)
    rows = metric.prepare(PAIRS)
    assert metric.score(rows) == pytest.approx(wanted["corpus"], abs=TOLERANCE)
    assert of_sums(metric, rows) == pytest.approx(wanted["sentences"], abs=TOLERANCE)


def score(metric: TextMetric, responses: list[str], streams: list[list[str]]) -> float:
    """The score of responses, the references being transposed as sacrebleu has them."""
    pairs = [Pair(response, tuple(others)) for response, *others in zip(responses, *streams, strict=True)]
    return metric.score(metric.prepare(pairs))


def of_sums(metric: TextMetric, sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores of sums, of a metric that has them."""
    scores = metric.of_sums(sums)
    assert scores is not None
    return scores
