"""What commands say to a person."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from outcrop import Outcrop
from outcrop.app.importing import submit_import
from outcrop.cli.program import program
from tests.doubles import HereRunner, IdleRunner, add_scripted, keep_roof, pairs, patch_runner, questions

Command = Callable[..., tuple[str, str]]


@pytest.fixture
def command(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command; what it said on stdout and on stderr. There are data and a scripted model."""
    keep_roof(home)
    monkeypatch.chdir(tmp_path)
    pairs(tmp_path / "train.jsonl", 4)
    questions(tmp_path / "test.jsonl", 6)
    patch_runner(monkeypatch, HereRunner())
    with Outcrop(home) as outcrop:
        add_scripted(outcrop, tmp_path, "base", echo_words=2)
        add_scripted(outcrop, tmp_path, "good", patterns=[["Question (\\d+)", "rock \\1"]])

    def call(*arguments: str, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        assert program(list(arguments)) == code
        spoken = capsys.readouterr()
        return spoken.out, spoken.err

    return call


def test_a_customization_from_estimate_to_answer(command: Command, tiny_folder: Path) -> None:
    command("models", "add", str(tiny_folder), "--name", "tiny")
    out, err = command("customize", "tiny", "--train", "train.jsonl", "--name", "new", "--rank", "1")
    torch.use_deterministic_algorithms(False)
    assert "4 records, 132 tokens (36 with loss), 1 steps\nend of turn trained: 4 of 4" in err
    assert "about 0 s (0 s to 0 s) on cpu" in err
    assert "new is ready: weights " in out
    assert "outcrop ask new --against tiny" in out
    out, _ = command("models", "show", "new")
    assert "made by      job " in out
    assert "lora from tiny" in out
    assert "not supported: it is an adapter" in out
    out, _ = command("models", "list")
    assert [line.split()[0] for line in out.splitlines() if line.startswith(" ") and "adapter" in line] == ["new"]
    assert "not added: smollm2-135m-instruct-q4_1" in out
    assert "customize-new" in command("jobs", "list")[0]


def test_an_import_is_a_job_like_any_other(command: Command, home: Path, tiny_folder: Path) -> None:
    with Outcrop(home) as outcrop:
        job = submit_import(outcrop.services, "brought", tiny_folder, name="bring")
    assert f"brought from {tiny_folder}" in command("jobs", "list")[0]
    out, _ = command("jobs", "show", "bring")
    assert "kind      import" in out
    assert "status    done" in out
    assert f"brought by   job {job.id}" in command("models", "show", "brought")[0]
    assert json.loads(command("jobs", "show", "bring", "--json")[0])["job"]["result"]["model"] == "brought"
    assert "job bring is gone" in command("jobs", "delete", "bring")[0]
    assert "brought" in command("models", "list")[0]


def test_a_long_record_is_foretold_to_be_cut(command: Command, tiny_folder: Path, tmp_path: Path) -> None:
    command("models", "add", str(tiny_folder), "--name", "tiny")
    _, err = command(
        *(
            "customize",
            "tiny",
            "--train",
            "train.jsonl",
            "--name",
            "new",
            "--estimate",
            "--no-probe",
            "--max-length",
            "32",
        )
    )
    assert "4 records are longer than max_length and lose the beginning of their prompt" in err


def test_an_evaluation_prints_its_report(command: Command) -> None:
    out, err = command(
        *("evaluate", "base", "good", "--data", "test.jsonl", "--task", "summarization", "--name", "judged")
    )
    assert "good" in out
    assert "rougeL" in out or "ROUGE-L" in out
    assert "report: " in err
    assert command("jobs", "report", "judged")[0] == out
    out, _ = command("jobs", "show", "judged")
    for words in ("kind      evaluation", "status    done", "report    "):
        assert words in out
    assert "job judged is done" in command("jobs", "follow", "judged")[0]
    out, _ = command("jobs", "logs", "judged", "--follow")
    assert out.splitlines()[-1].endswith("info    done")
    assert "job judged (done)" in command("disk")[0]
    assert "job judged is gone" in command("jobs", "delete", "judged")[0]
    assert "no jobs yet" in command("jobs", "list")[0]


def test_asking(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("ask", "good", "Question 7 about rock")[0] == "rock 7\n"
    out, _ = command("ask", "base", "Question 7 about rock", "--against", "good")
    assert out == "base:\nQuestion 7\ngood:\nrock 7\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("Question 8"))
    assert command("ask", "good")[0] == "rock 8\n"
    assert command("ask", "good", "Question 9 about", "--max-tokens", "1")[0] == "rock\n"


def test_models_come_and_go(command: Command, tmp_path: Path) -> None:
    assert command("models", "alias", "meta.good-v1:0", "good")[0] == "meta.good-v1:0 = good\n"
    assert "alias meta.good-v1:0 = good" in command("models", "list")[0]
    assert command("models", "show", "meta.good-v1:0")[0].startswith("good: base, scripted")
    assert re.fullmatch(r"good is in out: as it is stored, \d+ B\n", command("models", "export", "good", "out")[0])
    assert (tmp_path / "out" / "scripted.json").is_file()
    assert command("models", "alias", "meta.good-v1:0", "--remove")[0] == "meta.good-v1:0 is no alias any more\n"
    assert "good is gone" in command("models", "remove", "good")[0]


def test_a_check_shows_what_is_in_a_file(command: Command, tiny_folder: Path) -> None:
    command("models", "add", str(tiny_folder), "--name", "tiny")
    out, _ = command("data", "check", "train.jsonl", "--model", "tiny", "--max-length", "32")
    for words in ("4 records, format prompt-completion", "tokens      132", "would be cut: 4", "4 of 4", "no faults"):
        assert words in out
    out, _ = command("data", "check", "test.jsonl", "--for", "evaluation")
    assert "categories  2: a 3, b 3" in out


def test_an_empty_home_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["disk"]) == 0
    assert f"nothing in {home} yet" in capsys.readouterr().out
    assert program(["jobs", "list"]) == 0
    assert "no jobs yet" in capsys.readouterr().out


def test_detaching_says_how_to_come_back(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    patch_runner(monkeypatch, IdleRunner())
    arguments = ("evaluate", "good", "--data", "test.jsonl", "--task", "summarization", "--name", "later")
    out, _ = command(*arguments, "--detach")
    assert out == "job later goes on by itself; see it with: outcrop jobs follow later\n"
    assert "good on test.jsonl: queued" in command("jobs", "list")[0]
    assert command("jobs", "stop", "later")[0] == "job later is stopped\n"
    assert command("jobs", "resume", "later", "--detach")[0] == "job later is queued\n"


def test_an_export_says_what_is_left_of_the_update(command: Command, tiny_folder: Path) -> None:
    command("models", "add", str(tiny_folder), "--name", "tiny")
    command("customize", "tiny", "--train", "train.jsonl", "--name", "new", "--rank", "24")
    out, _ = command("models", "export", "new", "one")
    assert re.fullmatch(
        r"new is in one: adapter, [\d.]+ kB\n"
        r"  note         vLLM refuses rank 24 unless it is started with --max-lora-rank 32 \(without: 16\)\n",
        out,
    )
    out, err = command("models", "export", "new", "two", "--as", "safetensors", "--type", "bf16")
    assert re.fullmatch(
        r"new is in two: safetensors, bf16, [\d.]+ kB\n"
        r"  update kept  [\d.]+% \(cosine [01]\.\d{3}\)\n"
        r"  compared     the same likeliest token at [\d.]+% of \d+ places, logits up to [\d.e-]+ apart\n",
        out,
    )
    assert err.splitlines()[-2:] == ["writing model.safetensors", "comparing it with what it was made from"]


def test_a_judge_is_asked_and_printed(command: Command, home: Path, tmp_path: Path) -> None:
    with Outcrop(home) as outcrop:
        add_scripted(outcrop, tmp_path, "judge", patterns=[["", '{"better": "A", "explanation": "first"}']])
    asked = ["evaluate", "base", "good", "--data", "test.jsonl", "--task", "summarization", "--judge", "judge"]
    out, _ = command(*asked, "--criteria", "Helpfulness, coherence", "--pairwise", "--judge-repeats", "1")
    assert "Judged by “judge”" in out
    assert "Coherence is unreliable" in out
    _, err = command(*asked, code=2)
    assert "one or more, built in or from a file" in err
    _, err = command(*asked[:-2], "--criteria", "Helpfulness", code=2)
    assert "judges: found none" in err


def test_a_judges_report_is_json_too(command: Command, home: Path, tmp_path: Path) -> None:
    criteria = tmp_path / "criteria.json"
    scale = [{"definition": word, "value": {"stringValue": word}} for word in ("short", "long")]
    criteria.write_text(json.dumps([{"name": "Length", "instructions": "{{prediction}}", "ratingScale": scale}]))
    with Outcrop(home) as outcrop:
        add_scripted(outcrop, tmp_path, "judge", patterns=[["", '{"rating": "short"}']])
    asked = ["evaluate", "base", "--data", "test.jsonl", "--task", "summarization", "--judge", "judge"]
    out, _ = command(*asked, "--criteria-file", str(criteria), "--json")
    (judge,) = json.loads(out)["judges"]
    assert [(one["score"]["metric"], one["score"]["value"]) for one in judge["criteria"][0]["scores"]] == [
        ("Length: short", 1.0),
        ("Length: long", 0.0),
    ]
    assert judge["criteria"][0]["reliability"] == "unknown"


def test_records_are_answered(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [{"modelInput": {"prompt": "Question 1 of two"}}, {"modelInput": {"prompt": 2}}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = ("invoke", "good", "--data", "in.jsonl", "--output", "out", "--name", "batch")
    out, err = command(*asked)
    told, answers, manifest = out.splitlines()
    assert told == "1 of 2 records answered, 1 failed"
    assert json.loads(Path(answers.strip()).read_text().splitlines()[0])["modelOutput"]["generation"] == "rock 1"
    assert manifest.endswith("/manifest.json.out")
    assert "batch: generating with good · 2/2 · 1 failed" in err
    assert "good on in.jsonl" in command("jobs", "list")[0]
    shown = command("jobs", "show", "batch")[0]
    assert "kind      invocation" in shown
    assert f"answers   {answers.strip()}" in shown
    assert command(*asked[:-1], "other", "--converse")[0].startswith("0 of 2 records answered, 2 failed")
    patch_runner(monkeypatch, IdleRunner())
    out, _ = command(*asked[:-1], "later", "--detach")
    assert "job later goes on by itself" in out
