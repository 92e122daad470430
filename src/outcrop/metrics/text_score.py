"""A metric whose score is the mean of a score of each response by itself, for which no reference is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineMean
from outcrop.metrics.protocol import Pair, Rows

Read = Callable[[Sequence[str]], NDArray[np.float64]]
"""The scores of texts, from 0 to 1: shape ``(n,)``."""


def text_score(name: str, signature: str, column: str, read: Read) -> LineMean[Pair]:
    """The mean score of the responses; lower is better.

    Args:
        name: What the metric is called.
        signature: Every choice that changes the value.
        column: What a score is.
        read: Gives the scores.

    Returns:
        A metric in 0..1. A record without a response has no value; one without references has.
    """

    def count(items: Sequence[Pair]) -> Rows:
        # A response that was given more than once is read once.
        texts = list(dict.fromkeys(item.response for item in items if item.response is not None))
        scores: dict[str | None, float] = {None: np.nan}
        if texts:
            scores |= zip(texts, read(texts).tolist(), strict=True)
        return np.array([scores[item.response] for item in items], dtype=np.float64).reshape(-1, 1)

    return LineMean(name, signature, (column,), count, direction=Direction.LOWER)
