"""Scoring tables that somebody else made: from rows to scores, groups, and comparisons with another table."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from sys import intern
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.data.reading import Line
from outcrop.data.tables import Table
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import FaultCollection, shown
from outcrop.domain.scores import Comparison, Score
from outcrop.evaluation.columns import Cells, Columns, Reading
from outcrop.evaluation.scoring import FEWEST, Scored, by_size, comparisons, groups, scores
from outcrop.metrics.protocol import Metric, Rows

#: Rows whose items are in memory at once.
_PART = 1024

_SAME = "the same records in the same order"

Tell = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


@dataclass(frozen=True)
class Group:
    """Records that share a group: their scores by table and metric, and what compares the tables on them."""

    name: str
    n: int
    scores: tuple[Score, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class TableReport:
    """What one table, or two of the same records, score.

    Attributes:
        task: What the rows were read as.
        scores: Every metric of each table, the baseline's first where there are two.
        comparisons: The table minus the baseline, every metric; empty for one table.
        groups: The same within each group, the largest first.
        n_unmatched: Records that only one of two tables has; they count in its own scores and not in comparisons.
        n_ungrouped: Compared records, or those of a table alone, without a value to group by; they are in no group.
    """

    task: str
    scores: tuple[Score, ...]
    comparisons: tuple[Comparison, ...] = ()
    groups: tuple[Group, ...] = ()
    n_unmatched: int = 0
    n_ungrouped: int = 0


@dataclass
class TableRows:
    """The rows of counts of a table, by metric, and what names its records; texts are not kept."""

    name: str
    rows: dict[str, Rows] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    references: array[int] = field(default_factory=lambda: array("q"))

    def take(self, places: NDArray[np.int64]) -> TableRows:
        """Some of the records, in another order."""
        return TableRows(
            self.name,
            {metric: rows[places] for metric, rows in self.rows.items()},
            [self.ids[place] for place in places] if self.ids else [],
            [self.groups[place] for place in places] if self.groups else [],
            [self.clusters[place] for place in places] if self.clusters else [],
            array("q", [self.references[place] for place in places]),
        )

    def scored(self) -> Scored:
        """As evaluation jobs have it."""
        return Scored(self.name, (), self.rows)


def first_row(table: Table) -> dict[str, object]:
    """The first row of a table, whose columns are those of all.

    Raises:
        InvalidInput: The table has no row, or its first line is no row.
    """
    for item in table:
        if isinstance(item, Fault):
            raise InvalidInput([item])
        return item.value
    raise InvalidInput([Fault(table.where, None, "", "no rows", "one row at least")])


def read_rows(
    table: Table,
    name: str,
    reading: Reading,
    columns: Columns,
    metrics: Sequence[Metric[Any]],
    tell: Tell | None = None,
) -> TableRows:
    """Count what the metrics need, part by part.

    Memory grows with each record by eight bytes for each number of a metric's row, by two words, and by its id where
    there are ids; texts go as they come.

    Raises:
        InvalidInput: A column is missing, or cells can't be read: all faults.
    """
    found = TableRows(name)
    parts: dict[str, list[Rows]] = {metric.name: [] for metric in metrics}
    for items in _parts(table, reading, columns, found, tell):
        for metric in metrics:
            parts[metric.name].append(metric.prepare(items))
    for metric in metrics:
        counted = parts.pop(metric.name)
        found.rows[metric.name] = np.concatenate(counted) if counted else np.empty((0, len(metric.columns)))
    return found


def _parts(
    table: Table, reading: Reading, columns: Columns, found: TableRows, tell: Tell | None
) -> Iterator[list[Any]]:
    faults = FaultCollection()
    items: list[Any] = []
    needed = [*reading.needed, *filter(None, (columns.id, columns.group, columns.cluster))]
    for line in table:
        if isinstance(line, Fault):
            faults.add(line)
            continue
        if not found.references:
            _require_columns(line, needed, table.where)
        cells = Cells(line, table.where)
        items.append(reading.item(cells))
        # Python's hash of -1.0 is that of -2.0; those of their texts differ.
        found.references.append(hash(repr(reading.answer(items[-1]))))
        _name(cells, columns, found)
        for fault in cells.faults:
            faults.add(fault)
        if len(items) == _PART:
            # After a fault the rows only serve to find the other faults.
            if not faults.total:
                yield items
            items = []
            if tell is not None:
                tell(table.n_bytes, table.total_bytes)
    if faults.total:
        raise InvalidInput(faults.kept, faults.total)
    if items:
        yield items
    if tell is not None:
        tell(table.total_bytes, table.total_bytes)


def _require_columns(line: Line, needed: Sequence[str], where: str) -> None:
    there = ", ".join(shown(name) for name in list(line.value)[:8])
    faults = [
        Fault(where, line.number, name, f"no such column; there are {there}", "that column, or an option that names it")
        for name in needed
        if name not in line.value
    ]
    if faults:
        raise InvalidInput(faults)


def _name(cells: Cells, columns: Columns, found: TableRows) -> None:
    """Keep what names a record: its id, group and cluster. Many records share one text of the last two."""
    if columns.id is not None:
        found.ids.append(cells.name(columns.id))
    if columns.group is not None:
        group = cells.label(columns.group)
        found.groups.append(None if group is None else intern(group))
    if columns.cluster is not None:
        found.clusters.append(intern(cells.name(columns.cluster)))


def report(
    task: str, table: TableRows, baseline: TableRows | None, metrics: Sequence[Metric[Any]], *, seed: int
) -> TableReport:
    """Scores of a table, and of a baseline with what compares the two.

    Raises:
        InvalidInput: The two have not the same records, and no ids to match them by; or an id is there twice.
    """
    tables = [table] if baseline is None else [baseline, table]
    whole = [score for each in tables for score in scores(each.scored(), metrics, seed=seed, clusters=_clusters(each))]
    matched = tables
    n_unmatched = 0
    if baseline is not None:
        places = _matched(baseline, table)
        n_unmatched = len(baseline.references) + len(table.references) - 2 * len(places[0])
        matched = [each.take(at) for each, at in zip(tables, places, strict=True)]
    scored, clusters = [each.scored() for each in matched], _clusters(matched[-1])
    compared = comparisons(scored, metrics, seed=seed, clusters=clusters) if baseline is not None else []
    by_group = _groups(matched, scored, metrics, clusters, seed)
    n_ungrouped = matched[-1].groups.count(None)
    return TableReport(task, tuple(whole), tuple(compared), tuple(by_group), n_unmatched, n_ungrouped)


def _clusters(table: TableRows) -> list[str] | None:
    return table.clusters or None


def _groups(
    tables: Sequence[TableRows],
    scored: Sequence[Scored],
    metrics: Sequence[Metric[Any]],
    clusters: Sequence[str] | None,
    seed: int,
) -> Iterator[Group]:
    names = tables[-1].groups
    compared = {
        one.group: one for one in (groups(scored, metrics[0], names, seed=seed, clusters=clusters) if metrics else ())
    }
    for name, places in by_size(names):
        within = [
            _in_group(score)
            for table in tables
            for part in (table.take(places),)
            for score in scores(part.scored(), metrics, seed=seed, clusters=_clusters(part))
        ]
        yield Group(name, len(places), tuple(within), (compared[name],) if name in compared else ())


def _in_group(score: Score) -> Score:
    """A few records say next to nothing about how they scatter."""
    return replace(score, low=None, high=None) if score.n_scored < FEWEST else score


def _matched(baseline: TableRows, table: TableRows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of the same records in both tables."""
    if table.ids:
        at, other = _places_by_id(baseline, table)
    else:
        n, n_baseline = len(table.references), len(baseline.references)
        if n != n_baseline:
            expected = f"{n_baseline:,} as {baseline.name} has: {_SAME}, or --id COLUMN"
            raise InvalidInput([Fault(table.name, None, "", f"{n:,} records", expected)])
        at = other = np.arange(n)
    marks, wanted = np.array(table.references)[other], np.array(baseline.references)[at]
    for place in other[marks != wanted][:1]:
        found = f"record {place + 1:,} with another right answer than in {baseline.name}"
        expected = "one answer for each id" if table.ids else f"{_SAME}, or --id COLUMN"
        raise InvalidInput([Fault(table.name, None, "", found, expected)])
    return at, other


def _places_by_id(baseline: TableRows, table: TableRows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    faults = [fault for each in (baseline, table) for fault in _repeated(each)]
    before = {name: place for place, name in enumerate(baseline.ids)}
    at = np.fromiter((before.get(name, -1) for name in table.ids), np.int64, len(table.ids))
    other = np.flatnonzero(at >= 0)
    if not len(other):
        found = f"ids such as {shown(table.ids[0])}, none of which is in {baseline.name}"
        faults.append(Fault(table.name, None, "", found, f"ids such as {shown(baseline.ids[0])}"))
    if faults:
        raise InvalidInput(faults)
    return at[other], other


def _repeated(table: TableRows) -> Iterator[Fault]:
    """The first id that is there twice."""
    seen: dict[str, int] = {}
    for place, name in enumerate(table.ids, 1):
        first = seen.setdefault(name, place)
        if first != place:
            yield Fault(
                table.name, None, "", f"the id {shown(name)} in records {first:,} and {place:,}", "each id once"
            )
            return
