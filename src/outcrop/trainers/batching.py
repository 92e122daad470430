"""Which records make up each optimiser step: a pure function of lengths, seed and epoch."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Batches that are sorted by length together; more would pad less but would order the data by length.
WINDOW = 64

#: Tokens of a micro-batch, padding included: bounds the memory of activations.
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


def packed_batches(
    records: Sequence[int] | NDArray[np.int64], lengths: NDArray[np.int64], budget: int, *, shares: int = 1
) -> list[list[int]]:
    """Cut records into parts of at most ``budget`` tokens that are about equally large; a longer record stands alone.

    The longest goes first, each to the part that has least (Graham 1969, "Bounds on multiprocessing timing anomalies").
    There are at least ``shares`` parts, so that as many processes have work, unless there are fewer records.
    """
    longest_first = sorted((int(record) for record in records), key=lambda record: (-int(lengths[record]), record))
    total = sum(int(lengths[record]) for record in longest_first)
    count = min(max(-(-total // budget), shares), len(longest_first))
    while True:
        parts = _spread(longest_first, lengths, count)
        if all(len(part) == 1 or sum(int(lengths[record]) for record in part) <= budget for part in parts):
            return parts
        count += 1 + count // 50


def _spread(longest_first: list[int], lengths: NDArray[np.int64], count: int) -> list[list[int]]:
    parts: list[list[int]] = [[] for _ in range(count)]
    heap = [(0, place) for place in range(count)]
    for record in longest_first:
        size, place = heapq.heappop(heap)
        parts[place].append(record)
        heapq.heappush(heap, (size + int(lengths[record]), place))
    return [part for part in parts if part]


def padded_batches(
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
