"""Evaluation records of a table or of a dataset with a name, as a file of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.data import fetching
from outcrop.data.hub import HubDataset, HubFiles
from outcrop.data.reading import content_hash
from outcrop.domain.errors import AlreadyExists, InvalidInput
from outcrop.domain.scores import Report
from tests.doubles import add_scripted, write_lines


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text('question,a,b,right,topic\n"Which, then?",one,two,B,first\nAnd now?,three,four,0,second\n')
    return path


CHOICES = "prompt=question,choices=a,choices=b,choice=right,category=topic"


def test_a_table_becomes_evaluation_records(outcrop: Outcrop, table: Path, tmp_path: Path) -> None:
    target = tmp_path / "records.jsonl"
    found = outcrop.fetch_data(table, target, columns=CHOICES)
    assert lines(target) == [
        {"prompt": "Which, then?", "referenceResponse": "two", "category": "first", "choices": ["one", "two"]},
        {"prompt": "And now?", "referenceResponse": "three", "category": "second", "choices": ["three", "four"]},
    ]
    assert (found.n_records, found.n_given, found.limit, found.original) == (2, 2, None, None)
    assert found.content_hash == content_hash(target)
    assert outcrop.check_data(target, purpose="evaluation").n_faults == 0


def test_columns_may_be_a_dictionary(outcrop: Outcrop, table: Path, tmp_path: Path) -> None:
    outcrop.fetch_data(table, tmp_path / "records.jsonl", columns={"prompt": "question", "category": "topic"})
    assert lines(tmp_path / "records.jsonl")[0] == {"prompt": "Which, then?", "category": "first"}


def test_some_records_are_drawn(outcrop: Outcrop, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "all.jsonl", [{"prompt": f"Question {number}"} for number in range(30)])
    drawn = {}
    for seed in (1, 2):
        target = tmp_path / f"{seed}.jsonl"
        found = outcrop.fetch_data(path, target, limit=10, seed=seed)
        assert (found.n_records, found.n_given, found.limit, found.seed) == (10, 30, 10, seed)
        drawn[seed] = lines(target)
        assert all(each in lines(path) for each in drawn[seed])
    assert drawn[1] != drawn[2]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_is_none(outcrop: Outcrop, table: Path, tmp_path: Path, limit: int) -> None:
    with pytest.raises(InvalidInput, match=rf"request: limit: found {limit}; expected 1 or more"):
        outcrop.fetch_data(table, tmp_path / "records.jsonl", columns=CHOICES, limit=limit)


def test_all_faults_are_told_and_nothing_is_written(outcrop: Outcrop, table: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as raised:
        outcrop.fetch_data(table, tmp_path / "records.jsonl", columns="prompt=question,reference=answer,category=kind")
    assert [fault.field for fault in raised.value.faults] == ["answer", "kind"]
    assert not (tmp_path / "records.jsonl").exists()


def test_nothing_is_overwritten(outcrop: Outcrop, table: Path, tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text("mine")
    with pytest.raises(AlreadyExists):
        outcrop.fetch_data(table, tmp_path / "records.jsonl", columns=CHOICES)
    assert (tmp_path / "records.jsonl").read_text() == "mine"


def test_models_are_scored_on_a_dataset_by_its_name(
    here: Outcrop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def fetch_split(dataset: HubDataset, folder: Path) -> HubFiles:
        folder.mkdir(parents=True)
        rows = [{"question": f"Question {number}", "answer": [f"rock {number}", "a rock"]} for number in range(8)]
        parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "0000.parquet")
        return HubFiles((folder / "0000.parquet",), "0" * 40)

    monkeypatch.setattr(fetching, "fetch_split", fetch_split)
    add_scripted(here, tmp_path, "good", patterns=[["Question (\\d+)", "rock \\1"]])
    report = here.evaluate("good", data="builtin.naturalquestions", task="question-answering", metrics=["exact_match"])
    assert isinstance(report, Report)
    [score] = report.scores
    assert (score.value, score.n_scored) == (1, 8)
    job = here.jobs.list()[0]
    assert job.request["parts"][0]["name"] == "naturalquestions"
