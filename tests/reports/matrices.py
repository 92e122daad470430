"""Matrices to render: a realistic one, and ones that are odd on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from outcrop.domain.scores import Direction
from outcrop.evaluation.gates import GateResult
from outcrop.evaluation.kept_rows import KeptMean
from outcrop.evaluation.matrix import Matrix, matrix
from outcrop.reports.matrix import matrix_verdicts, regressions_first
from tests.evaluation.doubles import LOSS, dataset

from .samples import HOSTILE, WEIRD


def finished(made: Matrix) -> Matrix:
    """With what the report layer adds."""
    made = replace(made, contrasts=regressions_first(made.contrasts))
    return replace(made, verdicts=matrix_verdicts(made))


def column(seed: int, shift: float = 0, n: int = 120) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5 + shift, 0.1, n)


def sample(names: tuple[str, str, str] = ("base", "good", "mixed"), of: str = "", **changes: Any) -> Matrix:
    """The second model is better on both datasets, the third on one, and worse on the other."""
    base, good, mixed = names
    kinds = [f"{'sport' if place % 2 else 'trade'}{of}" for place in range(120)]
    tables = [
        dataset(f"news{of}", {base: column(0), good: column(1, 0.06), mixed: column(2, -0.09)}, categories=kinds),
        dataset(f"text{of}", {base: column(3), good: column(4, -0.07), mixed: column(5, -0.08)}, LOSS),
    ]
    return finished(replace(matrix(names, tables, seed=0), **changes))


def odd() -> Matrix:
    """A missing cell, too few records, no better way, and no category."""
    ratio = KeptMean("ratio", "ratio|v1", "", Direction.NONE)
    tables = [
        dataset("few", {"base": [0.5], "new": [0.7]}),
        dataset("missing", {"new": [0.5, 0.6]}),
        dataset("neither", {"base": column(0), "new": column(1, 1)}, ratio),
        dataset("empty", {"base": [np.nan] * 3, "new": [np.nan] * 3}),
    ]
    return finished(matrix(["base", "new"], tables, seed=0))


def weird() -> Matrix:
    """Markup and control characters wherever a text can be."""
    gate = GateResult(HOSTILE, True, WEIRD, ())
    return sample(("base", f"good {HOSTILE}", f"mixed {WEIRD}"), f" {WEIRD}", notes=(WEIRD,), gates=(gate,))


def alone() -> Matrix:
    return finished(matrix(["base"], [dataset("news", {"base": column(0)})], seed=0))


ALL = {"three": sample, "odd": odd, "weird": weird, "alone": alone}
