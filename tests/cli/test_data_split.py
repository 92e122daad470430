"""What ``outcrop data split`` and ``outcrop data leakage`` show a person, and a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outcrop.cli.program import program
from tests.doubles import pairs, write_lines


@pytest.fixture
def folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(told: str) -> list[list[str]]:
    return [line.split() for line in told.splitlines()]


def test_split(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [
        {"prompt": f"p{n // 2}", "completion": "c", "kind": "x" if n else "rare", "g": n // 4} for n in range(20)
    ]
    write_lines(folder / "all.jsonl", records)
    options = ("--into", "train=0.8,test=0.2", "--stratify", "kind", "--group", "g", "--to", "parts")
    assert program(["data", "split", "all.jsonl", *options]) == 0
    told = capsys.readouterr().out
    assert told.startswith("all.jsonl: 20 records, stratified and grouped\n")
    assert ["train", "16", "16", "parts/train.jsonl"] in [row[:4] for row in rows(told)]
    assert "5 groups, each in one part\n" in told
    assert "20 records kept together with a twin\n" in told
    assert "values that are not in every part, because they have too few records: 1\n" in told
    assert told.endswith("no record has a twin in another part\n")
    assert program(["data", "split", "all.jsonl", "--into", "train=0.8,test=0.2", "--to", "parts"]) == 2
    assert "parts/train.jsonl, parts/test.jsonl: there already" in capsys.readouterr().err


def test_split_for_a_program(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs(folder / "all.jsonl", 10)
    assert program(["data", "split", "all.jsonl", "--into", "a=0.5,b=0.5", "--no-keep-together", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [part["n_records"] for part in found["parts"]] == [5, 5]
    assert found["leakage"]["n_near_pairs"] == 0


def test_leakage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "the quick brown fox jumps over the lazy dog and runs far away from here today"
    write_lines(folder / "a.jsonl", [{"prompt": said}, {"prompt": "b"}])
    write_lines(folder / "b.jsonl", [{"prompt": "B"}, {"prompt": said + " now"}])
    write_lines(folder / "c.jsonl", [{"prompt": "other"}])
    assert program(["data", "leakage", "a.jsonl", "b.jsonl"]) == 2
    told = capsys.readouterr().out
    assert told.startswith("twins in different parts: 1 exact pairs, 1 near pairs\n")
    assert ["a.jsonl", "2", "1", "1"] in rows(told)
    assert told.endswith("  a.jsonl:2  b.jsonl:1  the same\n  a.jsonl:1  b.jsonl:2  0.92 alike\n")
    assert program(["data", "leakage", "a.jsonl", "c.jsonl"]) == 0
    assert capsys.readouterr().out == "no record has a twin in another part\n"
    assert program(["data", "leakage", "a.jsonl", "b.jsonl", "--text", "prompt", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["n_exact_pairs"] == 1
