"""Leakage: records of one part that have a twin in another, so that a model is tested on what it was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from outcrop.data.reading import JsonLines, Line
from outcrop.data.record_texts import record_text
from outcrop.data.shingles import Indices
from outcrop.data.twins import Progress, TwinFinder, Twins
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import FaultCollection

EXAMPLES = 10
"""Pairs that are shown: half of them exact twins, where there are enough of both."""


@dataclass(frozen=True)
class LeakedPart:
    """One part, and how much of it is also elsewhere.

    Attributes:
        name: The part's.
        n_records: All its records.
        n_exact: Records that another part has too, but for case, white space and Unicode form.
        n_near: Records without an exact twin in another part, and with a near one.
    """

    name: str
    n_records: int
    n_exact: int
    n_near: int


@dataclass(frozen=True)
class Pair:
    """Twins in two parts: where each is, the Jaccard index of their shingles, and whether they are exact."""

    part: str
    line: int
    other_part: str
    other_line: int
    jaccard: float
    exact: bool


@dataclass(frozen=True)
class Leakage:
    """What is in more than one part.

    Attributes:
        parts: In the order given.
        n_exact_pairs: Pairs of exact twins in different parts.
        n_near_pairs: Pairs of near twins in different parts.
        at_least: Whether there may be more near pairs: texts are so alike that not all were compared.
        examples: Some pairs, the exact ones first.
    """

    parts: tuple[LeakedPart, ...]
    n_exact_pairs: int
    n_near_pairs: int
    at_least: bool
    examples: tuple[Pair, ...]


def between_files(
    files: Sequence[tuple[Path, str]],
    fields: Sequence[str] = (),
    progress: Progress | None = None,
) -> Leakage:
    """Twins among files that were split elsewhere.

    Args:
        files: Each file with what to call it.
        fields: Paths of the fields that are compared; those that formats keep texts in where empty.
        progress: Called with bytes of text done and in all.

    Raises:
        InvalidInput: A file can't be read: all faults of all files.
        OSError: The temporary file can't be written.
    """
    faults = FaultCollection()
    part: list[int] = []
    lines: list[int] = []
    with TwinFinder() as finder:
        for number, (path, name) in enumerate(files):
            for line in JsonLines(path, name=name):
                text = line if isinstance(line, Fault) else record_text(line, fields, name)
                if isinstance(text, Fault):
                    faults.add(text)
                elif isinstance(line, Line):
                    finder.add(text)
                    part.append(number)
                    lines.append(line.number)
        if faults.total:
            raise InvalidInput(faults.kept, faults.total)
        twins = finder.find(progress)
    return between_parts(twins, np.array(part), np.array(lines), [name for _, name in files])


def between_parts(twins: Twins, part: Indices, lines: Indices, names: Sequence[str]) -> Leakage:
    """The twins that are in different parts.

    Args:
        twins: Those among all records.
        part: Shape ``(n,)``: the number of each record's part.
        lines: Shape ``(n,)``: the line of each record.
        names: Of each part.
    """
    counts = np.zeros((twins.n_distinct, len(names)), dtype=np.int64)
    np.add.at(counts, (twins.copy_of, part), 1)
    beside = np.zeros_like(counts)
    np.add.at(beside, twins.pairs[:, 0], counts[twins.pairs[:, 1]])
    np.add.at(beside, twins.pairs[:, 1], counts[twins.pairs[:, 0]])
    exact = counts.sum(axis=1, keepdims=True) > counts
    near = (beside.sum(axis=1, keepdims=True) > beside) & ~exact
    one, other = counts[twins.pairs[:, 0]], counts[twins.pairs[:, 1]]
    apart = one.sum(axis=1) * other.sum(axis=1) - (one * other).sum(axis=1)
    return Leakage(
        parts=tuple(
            LeakedPart(
                name,
                int(counts[:, number].sum()),
                int(counts[exact[:, number], number].sum()),
                int(counts[near[:, number], number].sum()),
            )
            for number, name in enumerate(names)
        ),
        n_exact_pairs=int((counts.sum(axis=1) ** 2 - (counts**2).sum(axis=1)).sum()) // 2,
        n_near_pairs=int(apart.sum()),
        at_least=twins.cut,
        examples=_Examples(twins, part, lines, names).some(np.flatnonzero(apart)),
    )


class _Examples:
    """Pairs to show, in the order of the texts' first places."""

    def __init__(self, twins: Twins, part: Indices, lines: Indices, names: Sequence[str]) -> None:
        self._twins = twins
        self._part = part
        self._lines = lines
        self._names = names

    def some(self, apart: Indices) -> tuple[Pair, ...]:
        """Pairs of both kinds; ``apart`` has the numbers of the near ones that are in different parts."""
        exact = list(islice(self._exact(), EXAMPLES))
        near = [self._near(int(number)) for number in apart[:EXAMPLES]]
        shown = exact[: max(EXAMPLES // 2, EXAMPLES - len(near))]
        return (*shown, *near[: EXAMPLES - len(shown)])

    def _exact(self) -> Iterator[Pair]:
        order = np.lexsort((self._part, self._twins.copy_of))
        same = np.diff(self._twins.copy_of[order]) == 0
        for place in np.flatnonzero(same & (np.diff(self._part[order]) != 0)):
            yield self._pair(int(order[place]), int(order[place + 1]), None)

    def _near(self, number: int) -> Pair:
        ours, theirs = (np.flatnonzero(self._twins.copy_of == one) for one in self._twins.pairs[number])
        first = int(ours[0])
        elsewhere = theirs[self._part[theirs] != self._part[first]]
        if not elsewhere.size:
            elsewhere, first = theirs, int(ours[self._part[ours] != self._part[first]][0])
        return self._pair(first, int(elsewhere[0]), float(self._twins.jaccard[number]))

    def _pair(self, one: int, other: int, jaccard: float | None) -> Pair:
        one, other = sorted((one, other), key=lambda place: (int(self._part[place]), int(self._lines[place])))
        ends = [(self._names[int(self._part[place])], int(self._lines[place])) for place in (one, other)]
        return Pair(*ends[0], *ends[1], 1.0 if jaccard is None else jaccard, jaccard is None)
