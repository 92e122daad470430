"""Values of other tools and of slow, plain versions; how they were made stands beside them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Rows
from outcrop.metrics.sums import SumMetric

FIXTURES = Path(__file__).parents[2] / "fixtures" / "statistics"


@cache
def _statistics() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads((FIXTURES / "statistics.json").read_text(encoding="utf-8"))
    return found


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of that name."""
    return _statistics()[name]


@cache
def wmt17() -> dict[str, Any]:
    """The names of the systems, their BLEU, and p-values of each but the first against the first."""
    found: dict[str, Any] = json.loads((FIXTURES / "wmt17.json").read_text(encoding="utf-8"))
    return found


@cache
def wmt17_rows() -> list[Rows]:
    """BLEU's rows of each system: two lengths, hits and n-grams of four orders; shape ``(3004, 10)`` each."""
    stored = np.load(FIXTURES / "wmt17_counts.npz")
    rows = []
    for lengths, hits in zip(stored["lengths"].astype(np.float64), stored["hits"], strict=True):
        n_grams = np.maximum(lengths[:, None] - np.arange(4), 0)
        rows.append(np.column_stack([lengths, stored["reference_lengths"], hits, n_grams]).astype(np.float64))
    return rows


def _value(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """BLEU of sums, which have hits of all orders (Papineni et al. 2002)."""
    precisions = np.log(sums[:, 2:6] / sums[:, 6:10]).mean(axis=1)
    brevity = np.minimum(0, 1 - sums[:, 1] / sums[:, 0])
    bleu: NDArray[np.float64] = 100 * np.exp(precisions + brevity)
    return bleu


#: BLEU of rows that are there already.
BLEU = SumMetric(
    name="bleu",
    signature="bleu|of:sums",
    columns=("length", "reference", *(f"hits{n}" for n in range(1, 5)), *(f"total{n}" for n in range(1, 5))),
    count=lambda response, references: None,
    value=_value,
)
