"""What ``outcrop score`` shows a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.cli.program import program
from tests.doubles import write_lines
from tests.tiny_encoder import tiny_classifier


@pytest.fixture
def folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": n, "prediction": "a", "reference": "a", "part": "x" if n else None} for n in range(40)]
    write_lines(folder / "new.jsonl", rows)
    write_lines(folder / "old.jsonl", [{**row, "prediction": "b"} for row in rows[:-1]])
    options = ("--metrics", "exact_match", "--against", "old.jsonl", "--id", "id", "--group-by", "part")
    assert program(["score", "new.jsonl", *options]) == 0
    told = capsys.readouterr().out
    assert told.startswith("“new.jsonl” scores better than “old.jsonl”: Exact match 1.0 against 0.0.")
    assert "1 record is in one table only, and not compared\n" in told
    assert "1 record has no group\n" in told
    assert "\nx: 38 records\n" in told
    assert "40/40" in told
    assert "39/39" in told


def test_one_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_lines(folder / "a.jsonl", [{"prediction": n, "reference": 2} for n in range(3)])
    assert program(["score", "a.jsonl", "--task", "regression", "--metrics", "mae, r2"]) == 0
    told = capsys.readouterr().out
    assert "undefined on these records" in told
    assert "better" not in told
    assert program(["score", "a.jsonl", "--task", "fun"]) == 2
    assert "task: found 'fun'; expected one of text, classification" in capsys.readouterr().err


def test_harm_is_scored_without_a_model_or_with_one_of_the_catalog(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Outcrop() as outcrop:
        outcrop.models.add(str(tiny_classifier(folder / "classifier")), "judge")
    rows = [{"prediction": text, "reference": "fine"} for text in ("Have a nice day!", "a rock", None)]
    write_lines(folder / "a.jsonl", rows)
    assert program(["score", "a.jsonl", "--metrics", "profanity_proxy,toxicity@judge/insult"]) == 0
    told = capsys.readouterr().out
    assert "2/3" in told
    assert program(["score", "a.jsonl", "--metrics", "toxicity"]) == 2
    assert "none is named; name one, as in toxicity@unbiased-toxic-roberta" in capsys.readouterr().err
