"""Random weights of records, drawn once for all metrics and models of a comparison."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

#: Cells of a part: 2 MiB of floats stay in a core's cache, where a matrix product finds them fastest.
_CELLS = 2**18


def drawn_counts(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each of n records is drawn, n draws with replacement for each resample.

    The counts are multinomial, exactly: they are counted from draws. ``counts @ rows`` are the sums of the resampled
    rows.

    Args:
        n: How many records, or clusters, there are.
        resamples: How many resamples are drawn.
        seed: The same seed and n draw the same records.

    Yields:
        Parts of the resamples, each of shape ``(b, n)``; b is such that a part has few cells.
    """
    generator = np.random.default_rng(seed)
    for b in _parts(n, resamples):
        drawn = generator.integers(n, size=(b, n), dtype=np.uint32) + n * np.arange(b)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)


def drawn_swaps(n: int, permutations: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Which of n records swap their models, each with a chance of one half.

    Args:
        n: How many records, or clusters, there are.
        permutations: How often they are swapped.
        seed: The same seed and n swap the same records.

    Yields:
        Parts of the permutations, each of shape ``(b, n)``; 1 where a record is swapped, 0 elsewhere.
    """
    generator = np.random.default_rng(seed)
    width = -(-n // 8)
    for b in _parts(n, permutations):
        octets = np.frombuffer(generator.bytes(b * width), dtype=np.uint8).reshape(b, width)
        yield np.unpackbits(octets, axis=1, count=n).astype(np.float64)


def _parts(n: int, total: int) -> Iterator[int]:
    size = max(1, _CELLS // n)
    for start in range(0, total, size):
        yield min(size, total - start)
