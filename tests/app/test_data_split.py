from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.domain.errors import AlreadyExists, InvalidInput, StorageFailure
from tests.doubles import pairs, write_lines


def test_split(outcrop: Outcrop, tmp_path: Path) -> None:
    source = pairs(tmp_path / "all.jsonl", 20)
    found = outcrop.split_data(source, {"train": 0.7, "validation": 0.1, "test": 0.2})
    assert [(part.name, part.n_wanted, part.n_records) for part in found.parts] == [
        ("train", 14, 14),
        ("validation", 2, 2),
        ("test", 4, 4),
    ]
    assert (found.path, found.method) == (str(source), "random")
    for part in found.parts:
        assert Path(part.path).parent == tmp_path
        assert part.content_hash == hashlib.sha256(Path(part.path).read_bytes()).hexdigest()
    lines = [line for part in found.parts for line in Path(part.path).read_text().splitlines()]
    assert sorted(lines) == sorted(source.read_text().splitlines())
    with pytest.raises(AlreadyExists):
        outcrop.split_data(source, "train=1")
    again = outcrop.split_data(source, "train=0.7,validation=0.1,test=0.2", to=tmp_path / "again")
    assert [part.content_hash for part in again.parts] == [part.content_hash for part in found.parts]


def test_methods(outcrop: Outcrop, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "all.jsonl", [{"prompt": str(n), "k": n % 2, "g": n // 2} for n in range(20)])
    halves = "a=0.5,b=0.5"
    named = {
        "stratified": outcrop.split_data(source, halves, to=tmp_path / "1", stratify="k"),
        "grouped": outcrop.split_data(source, halves, to=tmp_path / "2", group="g"),
        "stratified and grouped": outcrop.split_data(source, halves, to=tmp_path / "3", stratify="k", group="g"),
        "by time": outcrop.split_data(source, halves, to=tmp_path / "4", time="g"),
    }
    for name, found in named.items():
        assert found.method == name
        assert [part.n_records for part in found.parts] == [10, 10]
        assert found.n_groups == (10 if "grouped" in name else 0)
        if "stratified" in name:
            assert [one.counts for one in found.strata] == [(5, 5), (5, 5)]


def test_an_address(outcrop: Outcrop, tmp_path: Path) -> None:
    from outcrop.app.data import put_data

    put_data(outcrop.services, pairs(tmp_path / "all.jsonl", 4), "s3://data/all.jsonl")
    with pytest.raises(InvalidInput, match="to: found no folder; expected --to FOLDER"):
        outcrop.split_data("s3://data/all.jsonl", "a=0.5,b=0.5")
    found = outcrop.split_data("s3://data/all.jsonl", "a=0.5,b=0.5", to=tmp_path / "parts")
    assert found.path == "s3://data/all.jsonl"
    assert [part.n_records for part in found.parts] == [2, 2]


def test_a_folder_that_is_a_file(outcrop: Outcrop, tmp_path: Path) -> None:
    source = pairs(tmp_path / "all.jsonl", 4)
    with pytest.raises(StorageFailure, match=r"all\.jsonl: can't be written \(.*\); no part was written"):
        outcrop.split_data(source, "a=0.5,b=0.5", to=source)


def test_leakage(outcrop: Outcrop, tmp_path: Path) -> None:
    one, other = pairs(tmp_path / "one.jsonl", 4), pairs(tmp_path / "other.jsonl", 6)
    found = outcrop.find_leakage(one, other)
    assert found.n_exact_pairs == 4
    assert [(part.name, part.n_exact) for part in found.parts] == [(str(one), 4), (str(other), 4)]
    for files, said in (((one,), "one file"), ((one, one), "a file twice")):
        with pytest.raises(InvalidInput, match=said):
            outcrop.find_leakage(*files)
    with pytest.raises(InvalidInput, match="none: found no file"):
        outcrop.find_leakage(one, tmp_path / "none")
