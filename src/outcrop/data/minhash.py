"""MinHash: short signatures by which texts that share most of their shingles are found without comparing all pairs.

Broder, "On the resemblance and containment of documents" (1997): the least value of a random hash over a set is the
same for two sets with a probability of their Jaccard index. Bands of signatures (locality-sensitive hashing: Indyk and
Motwani 1998; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4) make candidates of those that
agree in a whole band.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcrop.data.shingles import Hashes, Indices, Shingles, mixed

PERMUTATIONS = 128

ROWS = 6
BANDS = PERMUTATIONS // ROWS
"""Texts of a Jaccard index s become candidates with a probability of 1 - (1 - s⁶)²¹: 99.8 % at 0.8, 0.1 % at 0.2.

Of the ways to cut 128 values into bands it is the one with the fewest candidates that misses less than 1 % at 0.8.
Candidates are verified, so the false ones cost time and nothing else.
"""

WINDOW = 25
"""Texts of one bucket that a text is compared with on each side, so that a huge bucket costs no quadratic time."""

_BLOCK = 1 << 16
"""Shingles that go through one permutation at a time, so that they stay in the processor's cache."""


def signatures(found: Shingles) -> NDArray[np.uint32]:
    """A signature of each text, shape ``(texts, PERMUTATIONS)``.

    The share of equal values in two signatures estimates the Jaccard index J of their sets with a standard error of
    ``sqrt(J (1 - J) / PERMUTATIONS)``. Hashes are ``(a x + b) mod 2⁶⁴``, the upper half of them (Dietzfelbinger 1996).
    """
    numbers = np.arange(1, 2 * PERMUTATIONS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    factors, terms = mixed(numbers).reshape(2, -1)
    least = np.empty((len(found.offsets) - 1, PERMUTATIONS), dtype=np.uint32)
    for first, last in _blocks(found.offsets):
        values = found.hashes[found.offsets[first] : found.offsets[last]]
        starts = found.offsets[first:last] - found.offsets[first]
        buffer = np.empty_like(values)
        for number, (factor, term) in enumerate(zip(factors | np.uint64(1), terms, strict=True)):
            np.multiply(values, factor, out=buffer)
            np.add(buffer, term, out=buffer)
            least[first:last, number] = np.minimum.reduceat(buffer, starts) >> np.uint64(32)
    return least


def band_keys(signed: NDArray[np.uint32]) -> Hashes:
    """A key of each band of each signature, shape ``(BANDS, texts)``: equal where all rows of the band are equal."""
    keys = np.zeros((BANDS, len(signed)), dtype=np.uint64)
    for row in range(ROWS):
        keys = mixed(keys + signed[:, row : BANDS * ROWS : ROWS].T.astype(np.uint64) + np.uint64(1))
    return keys


def candidates(keys: Hashes, names: Hashes) -> tuple[NDArray[np.int64], bool]:
    """Pairs of texts that agree in a band.

    Args:
        keys: Of ``band_keys``.
        names: A number of each text, by which those of one bucket are put in an order that does not depend on the
            file's.

    Returns:
        Pairs, shape ``(pairs, 2)``, each once and the smaller index first; and whether a bucket was so large that not
        all of its pairs are among them.
    """
    count = len(names)
    codes = np.empty(0, dtype=np.int64)
    cut = False
    for band in keys:
        order = np.lexsort((names, band))
        found, beyond = _neighbours(order, band[order])
        cut = cut or beyond
        low, high = np.minimum(*found), np.maximum(*found)
        codes = np.concatenate([codes, low * count + high])
        # By sorting: numpy's own unique hashes, which takes a hundred times as long for numbers like these.
        codes.sort()
        codes = codes[np.append(True, codes[1:] != codes[:-1])] if codes.size else codes
    return np.stack(np.divmod(codes, max(count, 1)), axis=1), cut


def _neighbours(order: Indices, sorted_keys: Hashes) -> tuple[tuple[Indices, Indices], bool]:
    ones, others = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for distance in range(1, WINDOW + 2):
        same = np.flatnonzero(sorted_keys[distance:] == sorted_keys[:-distance])
        if not same.size or distance > WINDOW:
            break
        ones.append(order[same])
        others.append(order[same + distance])
    return (np.concatenate(ones), np.concatenate(others)), bool(same.size)


def _blocks(offsets: Indices) -> list[tuple[int, int]]:
    """Runs of texts with about ``_BLOCK`` shingles, or of one text with more."""
    blocks, first = [], 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + _BLOCK, side="right")) - 1
        last = max(last, first + 1)
        blocks.append((first, last))
        first = last
    return blocks
