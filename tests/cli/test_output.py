from __future__ import annotations

import json

import pytest

from outcrop.cli.output import duration, fail, moment, print_json, say, table
from outcrop.domain.errors import Fault, InvalidInput, NotFound, StorageFailure
from outcrop.domain.units import size


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (470_812, "470.8 kB"), (98e6, "98.0 MB"), (2.5e12, "2.5 TB")],
)
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (1e6, "277.8 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_moments() -> None:
    assert moment(0) == ""
    assert moment(86_400 * 365) == "1971-01-01 00:00"


def test_json_goes_to_stdout_and_talk_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"ä": [1, None]})
    say("hello")
    spoken = capsys.readouterr()
    assert json.loads(spoken.out) == {"ä": [1, None]}
    assert "ä" in spoken.out
    assert spoken.err == "hello\n"


def test_an_error_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(NotFound("there is no such thing"), as_json=False) == 2
    assert fail(StorageFailure("the disk is full"), as_json=False) == 1
    spoken = capsys.readouterr()
    assert spoken.out == ""
    assert spoken.err == "outcrop: there is no such thing\noutcrop: the disk is full\n"


def test_an_error_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(NotFound("no such thing"), as_json=True) == 2
    assert json.loads(capsys.readouterr().out) == {
        "error": {"code": "ResourceNotFoundException", "message": "no such thing"}
    }
    faults = [Fault("a.jsonl", line, "prompt", "3", "a text") for line in (1, 2)]
    assert fail(InvalidInput(faults, total=7), as_json=True) == 2
    spoken = capsys.readouterr()
    error = json.loads(spoken.out)["error"]
    assert error["n_faults"] == 7
    assert error["faults"][1] == {"where": "a.jsonl", "line": 2, "field": "prompt", "found": "3", "expected": "a text"}
    assert spoken.err == ""


def test_tables_keep_their_text_whole(capsys: pytest.CaptureFixture[str]) -> None:
    table(["name", "size"], [["[bold]no markup[/bold]", "1"], ["x" * 150, "22"]], right=["size"])
    out = capsys.readouterr().out
    assert "[bold]no markup[/bold]" in out
    assert "x" * 150 in out
