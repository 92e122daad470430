"""Twins among texts: exact ones, equal once normalised, and near ones, which share most of their shingles."""

from __future__ import annotations

import hashlib
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from outcrop.data.minhash import band_keys, candidates, signatures
from outcrop.data.shingles import Hashes, Indices, common_shingles, shingles

THRESHOLD = (4, 5)
"""Near twins have a Jaccard index of at least four fifths, compared in whole numbers."""

SAMPLE = 2_000
"""Distinct texts in which boilerplate is looked for: those with the least fingerprints, a sample that is random and
still the same for the same texts in any order."""

BOILERPLATE = 10
"""A shingle is boilerplate where more than one in so many texts of the sample have it, and more than so many texts."""

_BATCH = 1 << 20
"""Bytes of text whose shingles are in memory at once."""

_SAMPLE_BYTES = 1 << 22
"""Bytes of text in which boilerplate is looked for; of long texts, that makes the sample smaller."""

_PAIRS = 10_000
"""Candidates that are verified at once."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Twins:
    """What ``TwinFinder`` found among n texts.

    Attributes:
        copy_of: Shape ``(n,)``: a number for each text, equal for exact twins; 0 to ``n_distinct`` - 1.
        n_distinct: Texts that differ.
        pairs: Shape ``(pairs, 2)``: near twins, by their numbers in ``copy_of``; sorted, the smaller first.
        jaccard: Shape ``(pairs,)``: the Jaccard index of each pair's shingles.
        cut: Whether texts were so alike that not every pair was compared.
    """

    copy_of: Indices
    n_distinct: int
    pairs: Indices
    jaccard: NDArray[np.float64]
    cut: bool


class TwinFinder:
    """Takes texts one by one, and finds the twins among them.

    Memory is about 0.4 kB a distinct text, however long; the texts themselves wait in a temporary file.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - __exit__ closes it
        self._ends = array("q", [0])
        self._numbers: dict[int, int] = {}
        self._copy_of = array("q")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, text: str) -> None:
        """Take the next text, which is normalised.

        Raises:
            OSError: The temporary file can't be written.
        """
        coded = text.encode()
        # A collision of two in ten million texts has a chance of about one in a million.
        name = int.from_bytes(hashlib.blake2b(coded, digest_size=8).digest(), "little")
        number = self._numbers.setdefault(name, len(self._numbers))
        self._copy_of.append(number)
        if number == len(self._ends) - 1:
            self._file.write(coded)
            self._ends.append(self._ends[-1] + len(coded))

    def find(self, progress: Progress | None = None) -> Twins:
        """The twins among the texts so far.

        Args:
            progress: Called with bytes of text done and in all.

        Raises:
            OSError: The temporary file can't be read.
        """
        names = np.fromiter(self._numbers, dtype=np.uint64, count=len(self._numbers))
        common = self._boilerplate(names)
        keys: list[Hashes] = []
        done = 0
        for texts in self._batches(range(len(names))):
            keys.append(band_keys(signatures(shingles(texts, common))))
            done += len(texts)
            if progress is not None:
                progress(self._ends[done], self._ends[-1])
        found, cut = candidates(np.concatenate(keys, axis=1), names) if keys else (np.empty((0, 2), np.int64), False)
        shared = self._jaccard(found, common)
        near = shared[:, 0] * THRESHOLD[1] >= shared[:, 1] * THRESHOLD[0]
        return Twins(
            copy_of=np.array(self._copy_of, dtype=np.int64),
            n_distinct=len(names),
            pairs=found[near],
            jaccard=shared[near, 0] / shared[near, 1],
            cut=cut,
        )

    def _text(self, number: int) -> str:
        start, end = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        return str(self._file.read(end - start), "utf-8")

    def _batches(self, numbers: Iterable[int]) -> Iterator[list[str]]:
        batch: list[str] = []
        size = 0
        for number in numbers:
            batch.append(self._text(number))
            size += len(batch[-1])
            if size >= _BATCH:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _boilerplate(self, names: Hashes) -> Hashes:
        """Shingles that say nothing about twins, because every prompt repeats them: an instruction, a form."""
        order = np.argsort(names)
        within = int(np.searchsorted(np.cumsum(np.diff(self._ends)[order]), _SAMPLE_BYTES))
        chosen = order[: min(max(within, BOILERPLATE + 1), SAMPLE)]
        if len(chosen) <= BOILERPLATE:
            return np.empty(0, dtype=np.uint64)
        texts = [self._text(number) for number in np.sort(chosen).tolist()]
        return common_shingles(shingles(texts), max(len(texts) // BOILERPLATE, BOILERPLATE))

    def _jaccard(self, pairs: Indices, common: Hashes) -> Indices:
        """Of each pair how many different shingles both have, and how many at least one has; shape ``(pairs, 2)``."""
        counts = np.empty((len(pairs), 2), dtype=np.int64)
        if not len(pairs):
            return counts
        wanted = np.zeros(len(self._numbers), dtype=bool)
        wanted[pairs] = True
        row = np.cumsum(wanted) - 1
        sets = self._sets(np.flatnonzero(wanted), common)
        for start in range(0, len(pairs), _PAIRS):
            here = slice(start, start + _PAIRS)
            one, other = sets[row[pairs[here, 0]]], sets[row[pairs[here, 1]]]
            both = np.diff(one.multiply(other).indptr)
            counts[here] = np.stack([both, np.diff(one.indptr) + np.diff(other.indptr) - both], axis=1)
        return counts

    def _sets(self, numbers: Indices, common: Hashes) -> Any:
        """The sets of shingles of some texts as a sparse matrix: a row each, and a column for every possible hash.

        Columns are mapped from a temporary file: of many twins, they are more than all texts.
        """
        from scipy.sparse import csr_array

        sizes = array("q", [0])
        with tempfile.TemporaryFile() as file:
            for batch in self._batches(numbers.tolist()):
                found = shingles(batch, common)
                # A column's number has a sign, so it is the upper 63 bits.
                bits = (found.hashes >> np.uint64(1)).astype(np.int64)
                owner = np.repeat(np.arange(len(batch)), np.diff(found.offsets))
                order = np.lexsort((bits, owner))
                bits, owner = bits[order], owner[order]
                first = np.append(True, (bits[1:] != bits[:-1]) | (owner[1:] != owner[:-1]))
                sizes.extend(np.bincount(owner[first]).tolist())
                file.write(bits[first].tobytes())
            file.flush()
            columns = np.memmap(file, dtype=np.int64, mode="r")
        ones = np.ones(len(columns), dtype=np.int8)
        return csr_array((ones, columns, np.cumsum(sizes)), shape=(len(numbers), np.iinfo(np.int64).max))
