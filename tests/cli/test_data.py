"""What ``outcrop data`` says to a person and to a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.cli.program import program
from outcrop.domain.errors import InvalidInput

TALK = '{"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}\n'


@pytest.fixture
def folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talks.jsonl").write_text(TALK * 3)
    return tmp_path


def test_a_conversion(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["data", "convert", "talks.jsonl", "pairs.csv", "--to", "prompt-completion"]) == 0
    assert capsys.readouterr().out == "pairs.csv: 3 records, from messages to prompt-completion\n"
    arguments = ["data", "convert", "pairs.csv", "test.jsonl", "--to", "evaluation", "--for", "fine-tuning", "--json"]
    assert program(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["n_records"], document["source_format"], document["faults"]) == (3, "prompt-completion", [])
    assert (folder / "test.jsonl").read_text() == '{"prompt": "Q", "referenceResponse": "A"}\n' * 3


def test_what_can_not_be_converted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "talks.jsonl").write_text(TALK + TALK.replace('{"messages"', '{"system": "S", "messages"'))
    arguments = ["data", "convert", "talks.jsonl", "pairs.jsonl", "--to", "alpaca"]
    assert program(arguments) == 2
    assert "talks.jsonl:2: found a system text; expected one prompt and one completion" in capsys.readouterr().err
    assert not (folder / "pairs.jsonl").exists()
    assert program([*arguments, "--skip-faulty"]) == 0
    spoken = capsys.readouterr()
    assert spoken.out == "pairs.jsonl: 1 records, from messages to alpaca\n"
    assert spoken.err.endswith(
        "left out: talks.jsonl:2: found a system text; expected one prompt and one completion: "
        "the alpaca format has no more\n"
    )
    assert program(arguments) == 2
    assert "pairs.jsonl: is there already; choose another name, or remove it" in capsys.readouterr().err


def test_a_target_elsewhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["data", "convert", "talks.jsonl", "s3://bucket/k.jsonl", "--to", "messages"]) == 2
    assert "a path of this machine; `outcrop data put` copies the file afterwards" in capsys.readouterr().err


def test_an_address_as_the_source_keeps_its_ending(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pairs.csv").write_text("prompt,completion\nQ,A\n")
    assert program(["data", "put", "pairs.csv", "s3://bucket/pairs.csv"]) == 0
    assert program(["data", "convert", "s3://bucket/pairs.csv", "out.jsonl", "--to", "messages"]) == 0
    assert (folder / "out.jsonl").read_text() == TALK
    assert program(["data", "check", "s3://bucket/pairs.csv"]) == 0
    assert "s3://bucket/pairs.csv: 1 records, format prompt-completion" in capsys.readouterr().out


def test_a_folder_of_texts(folder: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "a.md").write_text("x" * 100)
    assert program(["models", "add", str(tiny_folder), "--name", "tiny"]) == 0
    arguments = ["data", "check", "notes", "--for", "pre-training", "--model", "tiny", "--max-length", "64"]
    assert program(arguments) == 0
    told = capsys.readouterr().out
    assert "notes: 1 records, format text" in told
    assert "sequences   2: longer texts are taken apart" in told


def test_from_python(folder: Path, home: Path) -> None:
    with Outcrop(home) as outcrop:
        assert outcrop.convert_data("talks.jsonl", "pairs.jsonl", "alpaca").n_records == 3
        with pytest.raises(InvalidInput, match="purpose: found 'reading'"):
            outcrop.convert_data("talks.jsonl", "again.jsonl", "alpaca", "reading")
