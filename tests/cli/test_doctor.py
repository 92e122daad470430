"""``outcrop doctor``: what it prints, and its exit code."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from outcrop.cli.program import program
from tests.acceptance.commands import run
from tests.doubles import keep_roof


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's client reads its settings when it is loaded, which may have been before this test."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_a_person_reads(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    keep_roof(home)
    assert program(["doctor"]) == 0
    out = capsys.readouterr().out
    states = {
        line.split()[1]: line.split()[0] for line in out.splitlines() if line.startswith(" ") and line.split()[1:]
    }
    assert states["catalog"] == states["store"] == states["jobs"] == "ok"
    assert out.endswith("\nfit for work\n")
    monkeypatch.setenv("OUTCROP_DEVICE", "abacus")
    assert program(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "OUTCROP_DEVICE is 'abacus'" in out
    assert "problem: device: set OUTCROP_DEVICE to a device that is there, or to auto\n" in out
    assert out.endswith("\nnot fit for work\n")


def test_a_program_reads(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_roof(home)
    assert program(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["healthy", "findings"]
    assert document["healthy"] is True
    assert all(list(each) == ["name", "state", "found", "advice", "values"] for each in document["findings"])
    (memory,) = [each["values"] for each in document["findings"] if each["name"] == "memory"]
    assert 0 < memory["available"] <= memory["total"]


@pytest.mark.process
def test_nothing_works(tmp_path: Path) -> None:
    """A file where the home should be, a hub that does not answer: a document all the same, and no traceback."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        done = run(tmp_path / "file", "doctor", "--json", HF_ENDPOINT=address, HF_HUB_OFFLINE="0")
    assert (done.returncode, done.stderr) == (1, "")
    states = {each["name"]: each["state"] for each in json.loads(done.stdout)["findings"]}
    assert (states["catalog"], states["store"], states["hub"]) == ("problem", "problem", "warning")


@pytest.mark.process
def test_without_pytorch(home: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from outcrop.cli.program import program; exit(program(['doctor']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    assert "PyTorch can't be loaded" in done.stdout
    assert "problem: device: install it: pip install torch" in done.stdout
    assert done.stdout.count("problem: ") == 1
