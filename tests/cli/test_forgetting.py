"""What ``outcrop forgetting`` shows a person, and a program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from outcrop.cli.program import program
from tests.doubles import HereRunner, keep_roof, patch_runner, write_lines


@pytest.fixture
def folder(home: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with texts, and a home with a custom model."""
    monkeypatch.chdir(tmp_path)
    patch_runner(monkeypatch, HereRunner())
    keep_roof(home)
    for name, pattern in (("train", "A bed of rock {}."), ("domain", "Beds of {} rocks."), ("general", "{}: 42 %?")):
        write_lines(tmp_path / f"{name}.jsonl", [{"input": pattern.format("abcdefgh"[n] * 3)} for n in range(8)])
    assert program(["models", "add", str(tiny_folder), "--name", "tiny"]) == 0
    options = ("--train", "train.jsonl", "--name", "rocks", "--for", "pre-training", "--learning-rate", "0.01")
    assert program(["customize", "tiny", *options]) == 0
    yield tmp_path
    # Training asks torch for determinism, for the whole process.
    torch.use_deterministic_algorithms(False)


def test_a_person_sees_the_sentences_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert program(["forgetting", "rocks", "--domain", "domain.jsonl", "--general", "general.jsonl"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("“rocks” knows the domain better than “tiny”: perplexity fell by ")
    rows = [line.split() for line in told.out.splitlines()]
    assert [row[:2] for row in rows if row[1:2] in (["tiny"], ["rocks"])] == [
        ["domain", "tiny"],
        ["domain", "rocks"],
        ["general", "tiny"],
        ["general", "rocks"],
    ]
    assert "\ndomain: 8 texts, 136 tokens, paired percentile bootstrap" in told.out
    assert "\nrocks: none of the texts is in its training data, word for word (" in told.out
    assert "scored at " in told.err


def test_a_program_gets_the_whole_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert program(["forgetting", "rocks", "--domain", "domain.jsonl", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (domain,) = found["text_sets"]
    assert {score["metric"] for score in domain["scores"]} == {"token_perplexity", "word_perplexity", "bits_per_byte"}
    assert domain["changes"][0]["low"] < domain["changes"][0]["ratio"] < domain["changes"][0]["high"] < 1
    assert len(found["verdicts"]) == 2
    assert program(["forgetting", "rocks", "--domain", "train.jsonl"]) == 2
    assert "a text of the training data" in capsys.readouterr().err
