"""From rows to counts, part by part; what a table keeps of its records."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from outcrop.data.tables import open_table
from outcrop.domain.errors import InvalidInput
from outcrop.evaluation import tables
from outcrop.evaluation.columns import Columns, regression
from outcrop.evaluation.tables import TableRows, first_row, read_rows, report
from outcrop.metrics.protocol import Metric
from outcrop.metrics.regression.estimated import Estimated
from outcrop.metrics.regression.mae import mae

MAE: Metric[Estimated] = mae()

Write = Callable[[Sequence[object]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(rows: Sequence[object], name: str = "a.jsonl") -> Path:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return tmp_path / name

    return written


def read(path: Path, columns: Columns, metrics: Sequence[Metric[Estimated]] = (MAE,)) -> TableRows:
    return read_rows(open_table(path), path.name, regression(columns, ()), columns, metrics)


def row(reference: object, prediction: object = 0, **others: object) -> dict[str, object]:
    return {"prediction": prediction, "reference": reference, **others}


def test_rows_ids_groups_and_clusters(write: Write) -> None:
    path = write([row(n, id=n, part=["even", "odd"][n % 2], text=n // 2) for n in range(5)])
    found = read(path, Columns(id="id", group="part", cluster="text"))
    assert found.rows["mae"].shape == (5, 1)
    assert (found.ids, found.groups[:3]) == (list("01234"), ["even", "odd", "even"])
    taken = found.take(np.array([4, 0]))
    assert (taken.ids, taken.groups, taken.clusters) == (["4", "0"], ["even", "even"], ["2", "0"])
    assert taken.rows["mae"].ravel().tolist() == [4, 0]
    assert list(taken.references) == [found.references[4], found.references[0]]


def test_what_is_not_asked_for_is_not_kept(write: Write) -> None:
    found = read(write([row(1)]), Columns())
    assert (found.ids, found.groups, found.clusters) == ([], [], [])
    assert found.take(np.array([0])) == TableRows("a.jsonl", found.rows, references=found.references)


def test_a_group_is_one_text_for_all_its_records(write: Write) -> None:
    found = read(write([row(1, part="a long name", text=12345)] * 2), Columns(group="part", cluster="text"))
    assert found.groups[0] is found.groups[1]
    assert found.clusters[0] is found.clusters[1]


def test_answers_that_hash_alike_differ(write: Write) -> None:
    """Python's hash of -1.0 is that of -2.0."""
    assert hash(-1.0) == hash(-2.0)
    one, other = read(write([row(-1.0)]), Columns()), read(write([row(-2)]), Columns())
    with pytest.raises(InvalidInput, match="record 1 with another right answer"):
        report("regression", one, other, [MAE], seed=0)


def test_after_a_fault_rows_are_only_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_PART", 2)
    path = write([row("x"), *[row(1)] * 5, row("y")])
    with pytest.raises(InvalidInput) as raised:
        read(path, Columns())
    assert [(fault.line, fault.field) for fault in raised.value.faults] == [(1, "reference"), (7, "reference")]


def test_the_first_row(write: Write) -> None:
    assert first_row(open_table(write([row(1), row(2)]))) == row(1)
    with pytest.raises(InvalidInput, match=r"a\.jsonl:1: found a JSON list"):
        first_row(open_table(write([[1], row(2)])))
