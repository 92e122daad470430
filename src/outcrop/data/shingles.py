"""Shingles: the runs of five words a text is made of, as 64-bit hashes that are the same in every process.

Broder, "On the resemblance and containment of documents" (1997): two texts resemble each other as far as their sets of
shingles do, measured by the Jaccard index, the share of common elements in all.

A shingle is a stretch of the normalised text, so that its hash is a difference of two prefix sums (Karp and Rabin
1987), here modulo 2⁶⁴ and mixed afterwards; all shingles of many texts are hashed in a few array operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE = 5
"""Words, or characters, in a shingle."""

LONGEST_WORD = 20
"""Mean number of characters in a word above which a text is taken to be written without spaces."""

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)


@dataclass(frozen=True)
class Shingles:
    """The shingles of n texts: those of text i are ``hashes[offsets[i]:offsets[i + 1]]``, at least one.

    Attributes:
        hashes: One per shingle, in the order of the text; a shingle that comes twice is there twice.
        offsets: Shape ``(n + 1,)``.
    """

    hashes: Hashes
    offsets: Indices


def mixed(values: Hashes) -> Hashes:
    """Each value with its bits spread over all 64: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def shingles(texts: Sequence[str], common: Hashes | None = None) -> Shingles:
    """The shingles of normalised texts.

    A shingle is five words. In a text of fewer words, or without spaces between them (Chinese, Japanese, Thai), it is
    five characters; a text of fewer than those is one shingle.

    Args:
        texts: Texts with single spaces between words.
        common: Sorted hashes of shingles to leave out. A text that has no others keeps one for the whole of itself.
    """
    laid = _Layout(texts)
    owner, start, end = laid.spans()
    found = laid.hashed(start, end)
    if common is not None and common.size:
        kept = ~_among(found, common)
        bare = np.setdiff1d(np.arange(len(texts)), owner[kept])
        found = np.concatenate([found[kept], laid.hashed(laid.begins[bare], laid.ends[bare])])
        owner = np.concatenate([owner[kept], bare])
        order = np.argsort(owner, kind="stable")
        found, owner = found[order], owner[order]
    return Shingles(found, np.searchsorted(owner, np.arange(len(texts) + 1)))


def common_shingles(found: Shingles, most: int) -> Hashes:
    """Sorted hashes of the shingles that more than ``most`` of the texts have."""
    owner = np.repeat(np.arange(len(found.offsets) - 1), np.diff(found.offsets))
    order = np.lexsort((owner, found.hashes))
    hashes, owner = found.hashes[order], owner[order]
    first = np.ones(len(hashes), dtype=bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
    values, counts = np.unique(hashes[first], return_counts=True)
    return values[counts > most]


def _among(values: Hashes, those: Hashes) -> NDArray[np.bool_]:
    place = np.minimum(np.searchsorted(those, values), len(those) - 1)
    return np.asarray(those[place] == values)


class _Layout:
    """Texts one after the other as bytes, each with a space behind it, so that every word ends in a space."""

    def __init__(self, texts: Sequence[str]) -> None:
        coded = [text.encode() for text in texts]
        lengths = np.fromiter((len(text) + 1 for text in coded), dtype=np.int64, count=len(coded))
        self._bytes = np.frombuffer(b" ".join([*coded, b""]), dtype=np.uint8)
        self.ends: Indices = np.cumsum(lengths) - 1
        self.begins: Indices = self.ends - lengths + 1
        self._sums: Hashes | None = None

    def spans(self) -> tuple[Indices, Indices, Indices]:
        """Of every shingle the text it is of, and its first byte and the one past its last; in the order of texts."""
        word_ends = np.flatnonzero(self._bytes == ord(" "))
        word_starts = np.concatenate([[0], word_ends[:-1] + 1])
        # Every byte but those that continue a character begins one.
        starts = np.flatnonzero((self._bytes & 0xC0) != 0x80)
        ends = np.concatenate([starts[1:], [len(self._bytes)]])
        words = self._units(word_ends, self.ends + 1)
        characters = self._units(starts, self.ends)
        plain = (words[1] < SIZE) | (characters[1] > LONGEST_WORD * words[1])
        plain &= characters[1] > 0
        by_word = _runs(np.flatnonzero(~plain), *words, word_starts, word_ends)
        by_character = _runs(np.flatnonzero(plain), *characters, starts, ends)
        owner, start, end = (np.concatenate(both) for both in zip(by_word, by_character, strict=True))
        order = np.argsort(owner, kind="stable")
        return owner[order], start[order], end[order]

    def _units(self, places: Indices, ends: Indices) -> tuple[Indices, Indices]:
        """Of each text the number of its first unit, and how many it has; ``places`` has one byte of each unit."""
        first = np.searchsorted(places, self.begins)
        return first, np.searchsorted(places, ends) - first

    def hashed(self, start: Indices, end: Indices) -> Hashes:
        """Hashes of stretches of bytes."""
        sums = self._prefix_sums() if self._sums is None else self._sums
        self._sums = sums
        return mixed((sums[end] - sums[start]) * _powers(_INVERSE, len(self._bytes))[start])

    def _prefix_sums(self) -> Hashes:
        letters = mixed(np.arange(1, 257, dtype=np.uint64))
        terms = letters[self._bytes] * _powers(_BASE, len(self._bytes))
        return np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(terms, dtype=np.uint64)])


def _runs(chosen: Indices, first: Indices, count: Indices, starts: Indices, ends: Indices) -> tuple[Any, Any, Any]:
    """Runs of ``SIZE`` units in the chosen texts, or of all units where a text has fewer."""
    number = np.maximum(count[chosen] - SIZE + 1, 1)
    owner = np.repeat(chosen, number)
    inside = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    begin = first[owner] + inside
    end = first[owner] + np.minimum(inside + SIZE, count[owner]) - 1
    return owner, starts[begin], ends[end]


def _powers(base: int, count: int) -> Hashes:
    """The powers 0 to ``count`` - 1 of a number, modulo 2⁶⁴."""
    factors = np.full(max(count, 1), base, dtype=np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)[:count]
