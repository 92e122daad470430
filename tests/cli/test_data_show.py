"""What ``outcrop data show`` and ``outcrop data check --limits`` show a person, and a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.cli.program import program
from tests.doubles import pairs


@pytest.fixture
def data(home: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
    pairs(tmp_path / "train.jsonl", 4)
    return "train.jsonl"


def test_show(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["data", "show", data, "--model", "tiny", "--record", "3"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("train.jsonl:3, record 3, as tiny reads it\n")
    assert "⟦I│t│·│i│s│·│2│.│◆<|im_end|>⟧" in told
    assert told.endswith("End of turn trained: yes. The model learns to stop.\n")


def test_show_as_a_page(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["data", "show", data, "--model", "tiny", "--html", "record.html"]) == 0
    assert capsys.readouterr().err == "written to record.html\n"
    assert "<mark>⟦" in (tmp_path / "record.html").read_text(encoding="utf-8")
    assert program(["data", "show", data, "--model", "tiny", "--html", "none/record.html"]) == 1
    assert "none/record.html: can't be written (No such file or directory)" in capsys.readouterr().err


def test_show_for_a_program(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["data", "show", data, "--model", "tiny", "--max-length", "20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["tokens"]) == 20
    assert found["n_with_loss"] == sum(token["carries_loss"] for token in found["tokens"]) == 9
    assert found["n_cut"] > 0


def test_limits(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["data", "check", data]) == 0
    assert program(["data", "check", data, "--limits", "nova"]) == 2
    assert "train.jsonl: found 4 records; expected 8 to 20,000 in the training file for nova" in capsys.readouterr().err
    assert program(["data", "check", data, "--limits", "llama", "--as", "validation", "--beside", data]) == 2
    assert "found 8 records in training and validation file together" in capsys.readouterr().err
    assert program(["data", "check", data, "--limits", "luna"]) == 2
    assert 'limits: found "luna"; expected one of ours, nova, claude-3-haiku, llama' in capsys.readouterr().err
