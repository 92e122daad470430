"""Which records make up each optimiser step: a pure function of lengths, seed and epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Batches that are sorted by length together; more would pad less but would order the data by length.
WINDOW = 64

#: Padded tokens of a micro-batch: bounds the memory of activations.
TOKEN_BUDGET = 4096


def epoch_order(lengths: NDArray[np.int64], batch_size: int, *, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Record numbers of each step of an epoch.

    Records are shuffled, sorted by length within windows of ``WINDOW`` batches so that a batch's records are alike in
    length, cut into batches, and the batches of a window are shuffled.
    """
    random = np.random.default_rng([seed, epoch])
    shuffled = random.permutation(len(lengths))
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(shuffled), WINDOW * batch_size):
        window = shuffled[start : start + WINDOW * batch_size]
        by_length = window[np.argsort(lengths[window], kind="stable")]
        cut = [by_length[place : place + batch_size] for place in range(0, len(by_length), batch_size)]
        batches.extend(cut[place] for place in random.permutation(len(cut)))
    return batches


def micro_batches(
    records: Sequence[int] | NDArray[np.int64], lengths: NDArray[np.int64], budget: int
) -> list[list[int]]:
    """Cut records into parts of at most ``budget`` padded tokens, longest first; a longer record stands alone."""
    parts: list[list[int]] = []
    for record in sorted((int(record) for record in records), key=lambda record: -int(lengths[record])):
        # The first record of a part is its longest, so it alone decides how far the others are padded.
        if parts and (len(parts[-1]) + 1) * int(lengths[parts[-1][0]]) <= budget:
            parts[-1].append(record)
        else:
            parts.append([record])
    return parts


def padding_share(parts: Sequence[Sequence[int]], lengths: NDArray[np.int64]) -> float:
    """Share of computed tokens that are padding."""
    computed = sum(len(part) * max(int(lengths[record]) for record in part) for part in parts)
    real = sum(int(lengths[record]) for part in parts for record in part)
    return 1 - real / computed if computed else 0.0
