"""Scores of models on datasets, made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from outcrop.domain.scores import Comparison, Direction
from outcrop.evaluation.dataset_scores import DatasetScores
from outcrop.evaluation.kept_rows import Circumstances, KeptMean, KeptMetric, KeptModel, KeptRows, record_key
from outcrop.evaluation.scoring import Scored

MEAN = KeptMean("rougeL", "rouge:L|stem:yes|v1", "", Direction.HIGHER)
LOSS = KeptMean("loss", "loss|v1", "nats", Direction.LOWER)


def dataset(
    name: str,
    values: Mapping[str, ArrayLike],
    metric: KeptMean = MEAN,
    categories: Sequence[str | None] | None = None,
    clusters: Sequence[str] | None = None,
) -> DatasetScores:
    """Models' values in one metric."""
    columns = {model: np.asarray(column, dtype=np.float64) for model, column in values.items()}
    n = len(next(iter(columns.values())))
    return DatasetScores(
        name,
        tuple(Scored(model, (), {metric.name: column[:, None]}) for model, column in columns.items()),
        (metric,),
        tuple(categories or [None] * n),
        None if clusters is None else tuple(clusters),
    )


def kept(
    values: Mapping[str, ArrayLike],
    prompts: Sequence[str] | None = None,
    *,
    signature: str = MEAN.signature,
    place: str = "/data/news.jsonl",
    content_hash: str = "1" * 64,
    weights: Mapping[str, str] | None = None,
    categories: Sequence[str | None] | None = None,
    conditions: Mapping[str, object] | None = None,
) -> KeptRows:
    """Models' values in rougeL as a job keeps them."""
    columns = {model: np.asarray(column, dtype=np.float64) for model, column in values.items()}
    n = len(next(iter(columns.values())))
    asked = prompts or [f"prompt {place}" for place in range(n)]
    keys = np.frombuffer(b"".join(record_key(prompt, ("answer",)) for prompt in asked), dtype=np.uint8)
    given: dict[str, object] = {"task": "summarization", "prompting.asked": "generate", "prompting.shots": 0}
    given |= {"generation.temperature": 0.0, "generation.seed": 0, **(conditions or {})}
    return KeptRows(
        Circumstances(
            place.rpartition("/")[2].partition(".")[0],
            place,
            content_hash,
            given,
            tuple(KeptModel(model, (weights or {}).get(model, f"weights of {model}"), "") for model in columns),
            (KeptMetric(MEAN.name, signature, MEAN.unit, MEAN.direction, ("hits",)),),
        ),
        keys.reshape(n, -1),
        tuple(categories or [None] * n),
        None,
        {(model, MEAN.name): column[:, None] for model, column in columns.items()},
        {(model, MEAN.name): column for model, column in columns.items()},
    )


def comparison(low: float | None, high: float | None, **changes: Any) -> Comparison:
    """A paired comparison of ``base`` and ``new`` with these bounds."""
    middle = None if low is None or high is None else (low + high) / 2
    given: dict[str, Any] = {
        "metric": MEAN.name,
        "baseline": "base",
        "candidate": "new",
        "difference": middle,
        "low": low,
        "high": high,
        "p_value": None if middle is None else 0.01,
        "p_holm": None if middle is None else 0.02,
        "n": 100,
        "method": "paired Student t",
        "direction": MEAN.direction,
    }
    return Comparison(**{**given, **changes})
