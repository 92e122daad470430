from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop.cli.program import program
from outcrop.engines.scripted import Script
from tests.doubles import HereRunner, patch_runner, questions
from tests.model_server import ModelServer


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    """What a command prints on stdout and stderr."""
    assert program(list(arguments)) == code
    found = capsys.readouterr()
    return found.out, found.err


def test_a_remote_model_from_its_adding_to_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    patch_runner(monkeypatch, HereRunner())
    monkeypatch.setenv("ROCK_KEY", "k")
    data = questions(tmp_path / "data.jsonl", 12)
    with ModelServer(Script(patterns=((r"Question (\d+)", r"rock \1"),)), key="k") as server:
        prices = ["--input-price", "1", "--output-price", "10"]
        where = ["--remote", server.address, "--remote-model", "gneiss-1", "--api-key-env", "ROCK_KEY"]
        out, err = said(capsys, "models", "add", "far", *where, *prices)
        assert out.startswith(f"far: gneiss-1 at {server.address}/v1; nothing was asked yet")
        assert err == "", "the loopback is no network"
        out, _ = said(capsys, "ask", "far", "Question 5?")
        assert out == "rock 5\n"
        monkeypatch.setenv("OUTCROP_TOKEN_BUDGET", "120")
        evaluation = ["evaluate", "far", "--data", str(data), "--task", "summarization", "--max-tokens", "4"]
        _, err = said(capsys, *evaluation, "--name", "judged", code=1)
        assert "job judged stopped: far: the budget leaves no room for another request" in " ".join(err.split())
        assert "outcrop jobs resume judged" in err
        stopped_at = server.asked.total()
        monkeypatch.setenv("OUTCROP_TOKEN_BUDGET", "1000")
        said(capsys, "jobs", "resume", "judged")
        out, _ = said(capsys, "jobs", "show", "judged", "--json")
        assert json.loads(out)["job"]["status"] == "done"
        # The one more is that of ask.
        assert 3 < stopped_at < server.asked.total() == 12 + 1


def test_showing_one(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = said(capsys, "models", "add", "far", "--remote", "http://models.example", "--remote-model", "gneiss-1")
    assert "can be read by others on its way; use https:// where you can" in " ".join(err.split())
    out, _ = said(capsys, "models", "show", "far")
    assert "far: base, remote\n  from         gneiss-1 at http://models.example/v1\n  hash" in out
    assert "weights elsewhere can't be hashed" in out
    out, _ = said(capsys, "models", "list")
    assert "remote" in out
    out, _ = said(capsys, "models", "add", "nova", "--protocol", "bedrock", "--remote-model", "amazon.nova-lite-v1:0")
    assert out.startswith("nova: amazon.nova-lite-v1:0 at Amazon Bedrock, where boto3 leads")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--remote", "http://models.example"], "model: found none; expected the model's id at its server"),
        (["--remote-model", "x"], "url: found ; expected http:// or https://"),
        (["--remote-model", "x", "--remote", "gopher://x"], "url: found gopher://x"),
        (["--remote-model", "x", "--remote", "http://h", "--protocol", "soap"], "protocol: found soap"),
        (["--remote-model", "x", "--remote", "http://h", "--input-price", "1"], "one without the other"),
    ],
)
def test_what_is_refused(capsys: pytest.CaptureFixture[str], options: list[Any], words: str) -> None:
    _, err = said(capsys, "models", "add", "far", *options, code=2)
    assert words in " ".join(err.split())
