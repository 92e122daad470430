"""Every command with --json prints one JSON document on stdout and nothing else there; exit codes are 0 to 3."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.main import get_command

from outcrop import Outcrop
from outcrop.cli.program import app, program
from outcrop.domain.models import CurvePoint
from tests.acceptance.commands import run, run_json
from tests.doubles import (
    HereRunner,
    IdleRunner,
    add_scripted,
    keep_roof,
    pairs,
    patch_runner,
    questions,
    write_lines,
)

Command = Callable[..., dict[str, Any]]


@pytest.fixture
def runner(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdleRunner]:
    """Does the work of jobs in this process; there is data, and the folder of the commands is the test's."""
    keep_roof(home)
    monkeypatch.chdir(tmp_path)
    pairs(tmp_path / "train.jsonl", 4)
    questions(tmp_path / "test.jsonl", 6)
    yield patch_runner(monkeypatch, HereRunner())
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def command(runner: IdleRunner, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command with --json; its document."""

    def call(*arguments: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert program([*arguments, "--json"]) == code, capsys.readouterr()
        out = capsys.readouterr().out
        document, end = json.JSONDecoder(parse_constant=lambda name: pytest.fail(f"{name} is no JSON")).raw_decode(out)
        assert out[end:] == "\n", "something follows the document"
        assert isinstance(document, dict)
        return document

    return call


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command there is."""
    group = group or get_command(app)
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name)


def scripted_folder(place: Path, name: str, **script: Any) -> None:
    with Outcrop() as outcrop:
        add_scripted(outcrop, place, name, **script)


def test_every_command(
    command: Command, tmp_path: Path, tiny_folder: Path, runner: IdleRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole session, command by command; what is left over at its end has not been tried."""
    untried = set(commands())

    def call(*words: str, code: int = 0) -> dict[str, Any]:
        untried.difference_update({words[:1], words[:2]})
        return command(*words, code=code)

    assert call("disk")["uses"] is not None
    assert call("doctor")["healthy"]
    assert set(call("models", "list")) == {"models", "aliases", "known"}
    assert call("models", "add", str(tiny_folder), "--name", "tiny")["model"]["context"] == 512
    assert call("models", "show", "tiny")["model"]["name"] == "tiny"
    assert call("models", "alias", "nick", "tiny") == {"aliases": {"nick": "tiny"}}
    assert call("models", "alias", "nick", "--remove") == {"aliases": {}}
    check = call("data", "check", "train.jsonl", "--model", "tiny")
    assert (check["n_records"], check["n_faults"], check["tokens"]["n_ends_turn"]) == (4, 0, 4)
    split = call("data", "split", "test.jsonl", "--into", "one=0.5,two=0.5", "--to", "parts")
    assert [part["n_records"] for part in split["parts"]] == [3, 3]
    assert call("data", "leakage", "parts/one.jsonl", "parts/two.jsonl")["n_exact_pairs"] == 0
    assert call("data", "convert", "train.jsonl", "train.csv", "--to", "alpaca")["n_records"] == 4
    assert call("data", "fetch", "test.jsonl", "few.jsonl", "--limit", "2")["n_records"] == 2
    assert call("data", "show", "train.jsonl", "--model", "tiny")["ends_turn"]
    new = ("customize", "tiny", "--train", "train.jsonl", "--name", "new", "--rank", "1")
    assert call(*new, "--estimate", "--no-probe")["estimate"]["records"] == 4
    assert len(call("ways", "tiny", "--train", "train.jsonl", "--no-probe")["ways"]) == 4
    assert call("data", "put", "train.jsonl", "s3://data/sets/") == {"put": "s3://data/sets/train.jsonl"}
    assert call("data", "check", "s3://data/sets/train.jsonl")["path"] == "s3://data/sets/train.jsonl"
    assert call("jobs", "list") == {"jobs": []}
    made = call(*new)
    assert set(made) == {"job", "name", "model"}
    assert [CurvePoint(**point).step for point in made["model"]["lineage"]["curve"]] == [1]
    assert call("curve", "new")["run"]["diagnosis"]["verdict"] == "too little to tell"
    write_lines(tmp_path / "texts.jsonl", [{"input": f"Rock number {place} is grey."} for place in range(3)])
    forgetting = call("forgetting", "new", "--domain", "texts.jsonl")
    assert forgetting["text_sets"][0]["n_texts"] == 3
    assert set(call("ask", "tiny", "Say 1", "--against", "new", "--max-tokens", "3")["answers"]) == {"tiny", "new"}
    report = call("evaluate", "tiny", "new", "--data", "test.jsonl", "--task", "summarization", "--max-tokens", "4")
    job = report["name"]
    assert call("jobs", "report", job) == report
    assert call("compare", job)["models"] == ["tiny", "new"]
    assert call("jobs", "show", job)["job"]["status"] == "done"
    assert call("jobs", "follow", job)["job"]["id"] == report["job"]
    assert {"number", "time", "level", "text"} == set(call("jobs", "logs", job)["log"][0])
    assert len(call("jobs", "list")["jobs"]) == 2
    exported = call("models", "export", "new", "out", "--as", "safetensors")
    assert (Path(exported["folder"]) / "model.safetensors").is_file()
    assert exported["export"]["agreement"]["same_token"] == 1
    write_lines(
        tmp_path / "said.jsonl", [{"prediction": "a b", "reference": "a b"}, {"prediction": None, "reference": "b"}]
    )
    scored = call("score", "said.jsonl", "--metrics", "rougeL,exact_match", "--against", "said.jsonl")
    assert [(one["value"], one["n_scored"], one["n_given"]) for one in scored["scores"]] == [(1, 1, 2)] * 4
    assert [(one["difference"], one["low"]) for one in scored["comparisons"]] == [(0, None), (0, None)]
    asked = [{"modelInput": {"prompt": "Say 1", "max_gen_len": 2}}, {"modelInput": {}}]
    write_lines(tmp_path / "asked.jsonl", asked)
    answered = call("invoke", "tiny", "--data", "asked.jsonl", "--output", "out")
    assert (answered["records"], answered["succeeded"], answered["failed"]) == (2, 1, 1)
    assert [Path(place).is_file() for place in (*answered["files"], answered["manifest"])] == [True, True]
    assert call("jobs", "stop", job, code=2)["error"]["code"] == "ConflictException"
    assert call("jobs", "resume", job, code=2)["error"]["code"] == "ConflictException"
    assert call("jobs", "delete", job)["freed_bytes"] > 0
    assert call("models", "remove", "new")["freed_bytes"] > 0
    assert call("disk")["bytes"] > 0
    key = call("keys", "create", "--name", "CI", "--expires", "30d")
    assert set(key["key"]) == {"id", "kind", "name", "created", "expires", "revoked"}
    assert call("keys", "list") == {"keys": [key["key"]]}
    assert call("keys", "revoke", key["key"]["id"])["key"]["revoked"] > 0
    deployment = call("deployments", "create", "tiny", "gneiss", "--units", "2")["deployment"]
    assert (deployment["status"], deployment["units"]) == ("creating", 2)
    assert call("deployments", "list") == {"deployments": [deployment]}
    assert call("deployments", "update", "gneiss", "--name", "schist")["deployment"]["name"] == "schist"
    assert call("deployments", "show", "schist")["deployment"]["id"] == deployment["id"]
    assert call("deployments", "delete", "schist")["deployment"]["model"] == "tiny"
    monkeypatch.setattr("uvicorn.Server.run", lambda *_: None)
    assert call("serve", "--port", "0")["environment"].keys() >= {"AWS_ENDPOINT_URL_BEDROCK", "AWS_DEFAULT_REGION"}
    assert untried == set()


def test_stop_and_resume(command: Command, tmp_path: Path, runner: IdleRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted_folder(tmp_path, "scripted")
    with monkeypatch.context() as patched:
        patch_runner(patched, IdleRunner())
        started = command("evaluate", "scripted", "--data", "test.jsonl", "--task", "summarization", "--detach")
        assert set(started) == {"job", "name"}
        assert command("jobs", "stop", started["job"])["job"]["status"] == "stopped"
        stopped = command("jobs", "follow", started["job"], code=1)["error"]
        assert stopped["code"] == "InternalServerException"
        assert "stopped" in stopped["message"]
        assert command("jobs", "resume", started["job"], "--detach")["job"]["status"] == "queued"
        command("jobs", "stop", started["job"])
    assert command("jobs", "resume", started["job"])["job"]["status"] == "done"


def test_the_document_of_an_evaluation(command: Command, tmp_path: Path) -> None:
    scripted_folder(tmp_path, "base", echo_words=2)
    scripted_folder(tmp_path, "good", patterns=[["Question (\\d+)", "rock \\1"]])
    metrics = ["rougeL", "exact_match", "length_ratio"]
    found = command(
        *("evaluate", "base", "good", "--data", "test.jsonl", "--task", "summarization"),
        *("--metrics", ",".join(metrics), "--name", "judged"),
    )
    assert found["name"] == "judged"
    assert [model["name"] for model in found["models"]] == ["base", "good"]
    assert [(score["model"], score["metric"]) for score in found["scores"]] == [
        (model, metric) for model in ("base", "good") for metric in metrics
    ]
    for score in found["scores"]:
        assert {"model", "metric", "value", "low", "high", "n_scored", "n_given", "signature"} <= set(score)
        assert (score["n_scored"], score["n_given"]) == (6, 6)
        assert score["low"] <= score["value"] <= score["high"]
    assert [each["metric"] for each in found["comparisons"]] == metrics
    for comparison in found["comparisons"]:
        assert {"baseline", "candidate", "difference", "low", "high", "p_value", "method"} <= set(comparison)
        assert (comparison["baseline"], comparison["candidate"]) == ("base", "good")
    by_metric = {(score["model"], score["metric"]): score["value"] for score in found["scores"]}
    assert by_metric["good", "exact_match"] == 1
    assert by_metric["base", "exact_match"] == 0
    assert Path(found["report_file"]).is_file()


def test_a_value_that_does_not_exist_is_null(command: Command, tmp_path: Path) -> None:
    """Never NaN, which is no JSON."""
    scripted_folder(tmp_path, "base")
    write_lines(tmp_path / "one.jsonl", [{"prompt": "a", "referenceResponse": "a"}, {"prompt": "b"}])
    found = command("evaluate", "base", "--data", "one.jsonl", "--task", "summarization")
    for score in found["scores"]:
        assert (score["low"], score["high"], score["n_scored"], score["n_given"]) == (None, None, 1, 2)


def test_other_alphabets_are_written_as_they_are(command: Command, tmp_path: Path, capsys: Any) -> None:
    scripted_folder(tmp_path, "ecke", responses={"Привет": "岩石 🪨"})
    assert command("ask", "ecke", "Привет") == {"prompt": "Привет", "answers": {"ecke": "岩石 🪨"}}
    program(["ask", "ecke", "Привет", "--json"])
    assert "岩石 🪨" in capsys.readouterr().out


# exit codes


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["no-such-command"],
        ["jobs", "no-such-command"],
        ["customize", "tiny"],
        ["customize", "tiny", "--train", "t", "--name", "n", "--epochs", "many"],
        ["customize", "tiny", "--train", "t", "--name", "n", "--method", "qlora"],
        ["evaluate"],
        ["evaluate", "tiny", "--data", "d"],
        ["data", "check", "d", "--for", "fun"],
        ["models", "show"],
        ["jobs", "show", "one", "two"],
    ],
    ids=" ".join,
)
def test_usage_errors(arguments: list[str], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given in (arguments, [*arguments, "--json"]):
        assert program(given) == 2
        spoken = capsys.readouterr()
        assert spoken.out == ""
        assert "Usage: outcrop" in spoken.err
        assert "Traceback" not in spoken.err
    # Nothing was opened for a command that can't be read.
    assert not home.exists()


@pytest.mark.parametrize("arguments", [[], ["jobs"], ["keys"], ["models"], ["data"], ["deployments"]], ids=str)
def test_a_group_alone_shows_its_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert program(arguments) in (0, 2)
    spoken = capsys.readouterr()
    assert "Usage: outcrop" in spoken.out + spoken.err


def test_help_and_version_succeed(capsys: pytest.CaptureFixture[str]) -> None:
    for path in ((), *commands()):
        assert program([*path, "--help"]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"Usage: outcrop {' '.join(path)}".rstrip())
        assert not path or "--json" in text
    assert program(["--version"]) == 0
    assert re.fullmatch(r"outcrop \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_our_fault_is_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    (home / "catalog.sqlite").write_bytes(b"no database" * 100)
    assert program(["jobs", "list"]) == 1
    assert "the catalog can't be opened" in capsys.readouterr().err
    assert program(["jobs", "list", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "InternalServerException"


def test_a_job_that_failed_is_one(command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scripted_folder(tmp_path, "short", context=3)
    arguments = ("evaluate", "short", "--data", "test.jsonl", "--task", "summarization", "--name", "failing")
    error = command(*arguments, code=1)["error"]
    assert error["message"].startswith("job failing failed: 6 faults:")
    assert "outcrop jobs logs failing" in error["message"]
    assert program(["jobs", "report", "failing"]) == 1
    assert "Traceback" not in capsys.readouterr().err


# as processes


@pytest.mark.process
def test_a_pipeline(home: Path, tmp_path: Path) -> None:
    """What a script sees: one document on stdout, the rest on stderr, and the exit code."""
    scripted_folder(tmp_path, "base", echo_words=2)
    scripted_folder(tmp_path, "good", patterns=[["Question (\\d+)", "rock \\1"]])
    data = questions(tmp_path / "test.jsonl", 12)
    arguments = ("--data", str(data), "--task", "summarization", "--name", "judged")
    report = run_json(home, "evaluate", "base", "good", *arguments)
    assert report["verdicts"][0]["outcome"] == "better"
    again = run(home, "evaluate", "base", "good", *arguments, "--json")
    assert again.returncode == 2
    assert json.loads(again.stdout)["error"]["code"] == "ConflictException"
    followed = run(home, "jobs", "follow", "judged", "--json")
    assert json.loads(followed.stdout)["job"]["status"] == "done"
    asked = run(home, "ask", "good", "--json", stdin="Question 3\n")
    assert json.loads(asked.stdout) == {"prompt": "Question 3\n", "answers": {"good": "rock 3"}}


@pytest.mark.process
def test_a_reader_that_goes_away_sees_no_traceback(home: Path) -> None:
    piped = f"{sys.executable} -m outcrop models list --json | head -c 1"
    done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr
