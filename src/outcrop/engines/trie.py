"""Rows of tokens that begin alike as a tree: each distinct beginning is a node, and is computed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# A pass of its own costs about as much as this many tokens, so a shorter beginning is run again with each batch.
_LEAST_BEGINNING = 16

Nodes = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """What runs together: tokens of the rows ``begin`` to ``end`` below a beginning of theirs.

    Attributes:
        begin: The first row.
        end: One past the last row.
        above: How many tokens all of these rows share that have run before, and whose keys and values are kept.
        stop: None runs the rows to their ends; else their tokens up to here, all shared, run once and are kept.
    """

    begin: int
    end: int
    above: int
    stop: int | None = None


class Trie:
    """Distinct rows of tokens, sorted, none of which begins another.

    A node is a beginning of a row, named by a number; numbers follow the order of the rows, so what a row adds to the
    rows before it is a range.

    Attributes:
        rows: The rows.
        shared: How many tokens each row shares with the row before it.
        first: Number of the first node that each row adds; at the end, how many nodes there are.
    """

    def __init__(self, rows: Iterable[Sequence[int]]) -> None:
        distinct = sorted({tuple(row) for row in rows})
        self.rows: list[tuple[int, ...]] = []
        self._places: dict[tuple[int, ...], int] = {}
        for row, after in pairwise([*distinct, ()]):
            self._places[row] = len(self.rows)
            if row != after[: len(row)]:
                self.rows.append(row)
        self.shared = np.array([common_beginning(one, other) for one, other in pairwise([(), *self.rows])], int)
        added = np.array([len(row) for row in self.rows], int) - self.shared
        self.first = np.concatenate([[0], np.cumsum(added)])
        self._paths = list(self._walk())

    def __len__(self) -> int:
        """How many nodes there are: the fewest tokens that must run."""
        return int(self.first[-1])

    def path(self, row: Sequence[int]) -> Nodes:
        """The nodes of a row, or of the beginning of one, that the tree was made of."""
        return self._paths[self._places[tuple(row)]][: len(row)]

    def nodes(self, part: Part) -> Nodes:
        """The nodes that a part runs, in the order of the tree; -1 where a part before it had the node already."""
        again = max(0, int(self.shared[part.begin]) - part.above)
        if part.stop is not None:
            own = self._paths[part.begin][part.above + again : part.stop]
        else:
            start = self.first[part.begin] + max(0, part.above - self.shared[part.begin])
            own = np.arange(start, self.first[part.end])
        return np.concatenate([np.full(again, -1), own])

    def tokens(self, part: Part) -> list[int]:
        """The tokens that a part runs, in the order of its nodes."""
        tokens = list(self.rows[part.begin][part.above : part.stop])
        for row in range(part.begin + 1, part.end):
            tokens += self.rows[row][self.shared[row] :]
        return tokens

    def depths(self, part: Part) -> list[int]:
        """The place in its row of each token that a part runs."""
        depths = list(range(len(self.rows[part.begin])))[part.above : part.stop]
        for row in range(part.begin + 1, part.end):
            depths += range(self.shared[row], len(self.rows[row]))
        return depths

    def parts(self, budget: int) -> list[Part]:
        """Cut the tree into parts, in the order in which they run.

        A beginning whose rows do not fit one part runs first and is kept for the parts below it.

        Args:
            budget: The most tokens of a part; a single row may have more.
        """
        parts = []
        waiting = [(0, len(self.rows), 0)] if self.rows else []
        while waiting:
            begin, end, above = waiting.pop()
            if end - begin == 1 or self.size(begin, end, above) <= budget:
                parts.append(Part(begin, end, above))
                continue
            common = self.common(begin, end)
            if common - above >= _LEAST_BEGINNING:
                parts.append(Part(begin, begin + 1, above, common))
                above = common
            groups = self._groups(self.branches(begin, end), above, budget)
            waiting += [(*group, above) for group in reversed(groups)]
        return parts

    def size(self, begin: int, end: int, above: int) -> int:
        """How many nodes the rows have below a depth that all of them reach together."""
        return int(self.first[end] - self.first[begin + 1]) + len(self.rows[begin]) - above

    def common(self, begin: int, end: int) -> int:
        """How many tokens all of the rows share."""
        return len(self.rows[begin]) if end - begin == 1 else int(self.shared[begin + 1 : end].min())

    def branches(self, begin: int, end: int) -> list[tuple[int, int]]:
        """Two or more rows cut where they share no more than all of them do."""
        inner = self.shared[begin + 1 : end]
        borders = [begin, *(np.flatnonzero(inner == inner.min()) + begin + 1).tolist(), end]
        return list(pairwise(borders))

    def _groups(self, branches: Sequence[tuple[int, int]], above: int, budget: int) -> list[tuple[int, int]]:
        """Neighbouring branches together, as many as fit the budget."""
        groups = [branches[0]]
        for begin, end in branches[1:]:
            if self.size(groups[-1][0], end, above) <= budget:
                groups[-1] = (groups[-1][0], end)
            else:
                groups.append((begin, end))
        return groups

    def _walk(self) -> Iterator[Nodes]:
        path: Nodes = np.empty(0, np.int64)
        for shared, (start, end) in zip(self.shared, pairwise(self.first), strict=True):
            path = np.concatenate([path[:shared], np.arange(start, end)])
            yield path


def common_beginning(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two rows share at their beginnings."""
    unlike = (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    return next(unlike, min(len(one), len(other)))
