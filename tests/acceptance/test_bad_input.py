"""Bad input: a clear error, exit code 2, nothing lost, nothing half made; with --json, one document."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.cli.program import program
from outcrop.domain.jobs import Status
from outcrop.jobs import worker
from tests.doubles import IdleRunner, add_scripted, idle_services, keep_roof, pairs, patch_runner, questions, submitted
from tests.tiny_model import tiny_model

PAIR = b'{"prompt": "Say 1", "completion": "It is 1."}\n'
QUESTION = b'{"prompt": "Question 1", "referenceResponse": "rock 1"}\n'
TURNS = b'{"messages": [{"role": "user", "content": "Say 1"}, {"role": "assistant", "content": "It is 1."}]}\n'


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A home with models, an alias, and a job that has ended."""
    place = tmp_path_factory.mktemp("furnished")
    home = place / "home"
    with Outcrop(home) as outcrop:
        outcrop.models.add(str(tiny_folder), "tiny")
        outcrop.models.add(str(tiny_model(place / "bare", template=False)), "bare")
        add_scripted(outcrop, place, "scripted")
        outcrop.models.alias("nick", "tiny")
    services = idle_services(home)
    services.catalog.stop(submitted(services, name="old", models=["tiny"], data={"path": "x", "hash": "y"}).id)
    services.close()
    return home


@pytest.fixture(autouse=True)
def _home(home: Path, furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The furnished home, good files beside it, and no process whatever a command tries to start."""
    shutil.copytree(furnished / "store", home / "store", copy_function=os.link)
    for file in furnished.glob("catalog.sqlite*"):
        shutil.copy(file, home / file.name)
    keep_roof(home)
    patch_runner(monkeypatch, IdleRunner())
    pairs(tmp_path / "train.jsonl")
    questions(tmp_path / "test.jsonl")
    monkeypatch.chdir(tmp_path)
    before = contents(home)
    yield
    assert contents(home) == before, "a refused command left something"


def contents(home: Path) -> dict[str, Any]:
    """What a home holds: models, aliases, jobs with their status, and files."""
    services = idle_services(home)
    try:
        return {
            "models": services.catalog.models(),
            "aliases": services.catalog.aliases(),
            "jobs": services.catalog.jobs(),
            "files": sorted(entry.key for entry in services.store.entries()),
            "scratch": list((home / "scratch").glob("*")),
        }
    finally:
        services.close()


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """Run a command as text and with --json; what it said, and the error of the document."""
    capsys.readouterr()
    assert program(arguments) == 2
    spoken = capsys.readouterr()
    assert spoken.out == ""
    assert "Traceback" not in spoken.err
    assert program([*arguments, "--json"]) == 2
    written = capsys.readouterr()
    document = json.loads(written.out)
    assert list(document) == ["error"]
    error: dict[str, Any] = document["error"]
    assert error["message"] in spoken.err
    assert "Traceback" not in written.err
    if "faults" in error:
        assert error["code"] == "ValidationException"
        assert 0 < len(error["faults"]) <= error["n_faults"]
        assert all(set(fault) == {"where", "line", "field", "found", "expected"} for fault in error["faults"])
        assert all(fault["found"] and fault["expected"] for fault in error["faults"])
    return error["message"], error


# files


@dataclass(frozen=True)
class BadFile:
    """A file that can't be used: what it holds, where it goes wrong, what was found and what expected."""

    name: str
    content: bytes | None
    line: int | None
    found: str
    expected: str
    field: str = ""


def of_a_line(line: bytes, number: int, good: bytes) -> bytes:
    return good * (number - 1) + line


HUGE = b'{"prompt": "' + b"x" * (10 << 20) + b'", "completion": "y"}\n'

#: Bad for any use.
BAD = (
    BadFile("missing", None, None, "no file", "a file with that name: check the path"),
    BadFile("empty", b"", None, "an empty file", "at least one"),
    BadFile("blank", b"\n \n\n", None, "only blank lines", "at least one"),
    BadFile("binary", b"\x7fELF\x02\x01\x01\x00\x00" * 9, None, "binary data (a NUL at byte 8)", "as UTF-8 text"),
    BadFile("gzip", b"\x1f\x8b\x08\x00rest", None, "gzip data that is cut off or damaged", "write or copy it again"),
    BadFile("utf-16", PAIR.decode().encode("utf-16"), None, "UTF-16 text", "UTF-8: save it as UTF-8"),
    BadFile("utf-16 without a mark", PAIR.decode().encode("utf-16-le"), None, "UTF-16 text", "save it as UTF-8"),
    BadFile("huge line", HUGE, 1, f"a line of {len(HUGE) - 1:,} bytes", "at most 4,194,304 bytes in a line"),
    BadFile("no json", b"What is gneiss?\n", 1, "invalid JSON at column 1", "one whole JSON object on the line"),
    BadFile("a list", b'[{"prompt": "p"}]', None, "one JSON list over the whole file", "each element on a line"),
    BadFile("no object", b'"text"\n', 1, 'the text "text"', "a JSON object, {…}, on each line"),
)

TRAINING = (
    *BAD,
    BadFile("half-written", PAIR + PAIR[:20], 2, "half a record: the file seems cut off", "write or copy the file"),
    BadFile("not utf-8", PAIR + b'{"prompt": "\xff"}\n', 2, "a byte that isn't UTF-8 (0xff", "save it as UTF-8"),
    BadFile(
        "unknown field",
        PAIR + PAIR.replace(b"}", b', "compleetion": "x"}'),
        2,
        'an unknown field "compleetion"',
        '"completion", the closest known field',
        "compleetion",
    ),
    BadFile("empty completion", PAIR.replace(b"It is 1.", b""), 1, '"", which is blank', "a text", "completion"),
    BadFile("no completion", PAIR + b'{"prompt": "p"}\n', 2, "no such field", 'a text in "completion"', "completion"),
    BadFile("a number", PAIR.replace(b'"Say 1"', b"7"), 1, "the number 7", "a text that is not blank", "prompt"),
    BadFile("too long", PAIR.replace(b"Say", b"x" * 600), 1, "tokens", "at most 512, the model's context"),
    BadFile("for evaluation", QUESTION, 1, "an evaluation file", "a training file"),
    BadFile("wrong role", TURNS.replace(b'"user"', b'"tool"'), 1, '"tool"', '"user": "user" and', "messages[0].role"),
    BadFile(
        "roles turned round",
        TURNS.replace(b'"user"', b'"x"').replace(b'"assistant"', b'"user"').replace(b'"x"', b'"assistant"'),
        1,
        '"assistant"',
        '"user"',
        "messages[0].role",
    ),
    BadFile("two questions", TURNS.replace(b'"assistant"', b'"user"'), 1, '"user"', '"assistant"', "messages[1].role"),
    BadFile("empty answer", TURNS.replace(b"It is 1.", b" "), 1, "which is blank", "a text", "messages[1].content"),
)

EVALUATION = (
    *BAD,
    BadFile("half-written", QUESTION + QUESTION[:20], 2, "half a record", "write or copy the file again"),
    BadFile(
        "unknown field",
        QUESTION.replace(b"referenceResponse", b"reference_response"),
        1,
        'an unknown field "reference_response"',
        '"referenceResponse", the closest known field',
        "reference_response",
    ),
    BadFile("no prompt", b'{"referenceResponse": "r"}\n', 1, "no such field", 'a text in "prompt"', "prompt"),
    BadFile("empty reference", QUESTION.replace(b"rock 1", b""), 1, "which is blank", "left out", "referenceResponse"),
    BadFile(
        "too long",
        QUESTION.replace(b"Question", b"x" * 600),
        1,
        "tokens",
        "fewer than 512: the model's context must hold",
    ),
    BadFile("for training", PAIR, 1, "a training file", "an evaluation file"),
    BadFile("messages", TURNS, 1, "a training file (it is in the messages format)", "an evaluation file"),
    BadFile("no references", b'{"prompt": "p"}\n', None, "none in any record", "references", "referenceResponse"),
)


def written(bad: BadFile) -> Path:
    file = Path("bad.jsonl").absolute()
    if bad.content is not None:
        file.write_bytes(bad.content)
    return file


def is_the_fault(fault: dict[str, Any], bad: BadFile) -> bool:
    return (
        Path(fault["where"]).name == "bad.jsonl"
        and (fault["line"], fault["field"]) == (bad.line, bad.field)
        and bad.found in fault["found"]
        and bad.expected in fault["expected"]
    )


def is_refused(capsys: pytest.CaptureFixture[str], bad: BadFile, arguments: list[str]) -> None:
    message, error = refused(capsys, arguments)
    assert any(is_the_fault(fault, bad) for fault in error["faults"]), message
    assert "bad.jsonl" + (f":{bad.line}:" if bad.line else ":") in message


def names(bad: BadFile) -> str:
    return bad.name


@pytest.mark.parametrize("bad", TRAINING, ids=names)
def test_training_data(bad: BadFile, capsys: pytest.CaptureFixture[str]) -> None:
    is_refused(capsys, bad, ["customize", "tiny", "--train", str(written(bad)), "--name", "new"])


@pytest.mark.parametrize("bad", [TRAINING[0], TRAINING[-1]], ids=names)
def test_validation_data(bad: BadFile, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(bad)
    is_refused(capsys, bad, ["customize", "tiny", "--train", "train.jsonl", "--validation", str(file), "--name", "new"])


@pytest.mark.parametrize("bad", EVALUATION, ids=names)
def test_evaluation_data(bad: BadFile, capsys: pytest.CaptureFixture[str]) -> None:
    is_refused(capsys, bad, ["evaluate", "tiny", "--data", str(written(bad)), "--task", "summarization"])


@pytest.mark.parametrize(
    ("aim", "bad"),
    [("fine-tuning", bad) for bad in TRAINING] + [("evaluation", bad) for bad in EVALUATION[:-1]],
    ids=lambda value: value.name if isinstance(value, BadFile) else str(value),
)
def test_checked_data(aim: str, bad: BadFile, capsys: pytest.CaptureFixture[str]) -> None:
    """A check prints its own document, with the faults in it."""
    model = ["--model", "tiny"] if bad.name == "too long" else []
    assert program(["data", "check", str(written(bad)), "--for", aim, *model, "--json"]) == 2
    spoken = capsys.readouterr()
    document = json.loads(spoken.out)
    assert document["n_faults"] >= 1
    assert any(is_the_fault(fault, bad) for fault in document["faults"])
    assert spoken.err == ""


def test_a_check_says_the_faults_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.jsonl").write_bytes(PAIR + PAIR[:20])
    assert program(["data", "check", "bad.jsonl"]) == 2
    spoken = capsys.readouterr()
    assert "bad.jsonl: 1 records" in spoken.out
    assert "bad.jsonl:2: found half a record" in spoken.err


def test_every_fault_of_a_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.jsonl").write_bytes(PAIR.replace(b"It is 1.", b"") * 30)
    message, error = refused(capsys, ["customize", "tiny", "--train", "bad.jsonl", "--name", "new"])
    assert message.startswith("30 faults:\n")
    assert "bad.jsonl:20: completion" in message
    assert "… and 10 more" in message
    assert [fault["line"] for fault in error["faults"]] == list(range(1, 31))


def test_messages_for_a_model_without_a_template(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.jsonl").write_bytes(TURNS * 3)
    message, error = refused(capsys, ["customize", "bare", "--train", "bad.jsonl", "--name", "new"])
    assert "messages, for a model without a chat template" in message
    assert 'records with "prompt" and "completion", or a model with a chat template' in message
    assert error["n_faults"] == 1
    # Prompts with completions are joined plainly.
    assert program(["customize", "bare", "--train", "train.jsonl", "--name", "new", "--estimate", "--no-probe"]) == 0


# names, numbers and everything else on the command line

CUSTOMIZE = ["--train", "train.jsonl", "--name", "new"]
EVALUATE = ["--data", "test.jsonl", "--task", "summarization"]


@dataclass(frozen=True)
class Refusal:
    """A command that is refused, with which code, and what its message says."""

    command: list[str]
    words: tuple[str, ...]
    code: str = "ResourceNotFoundException"


CONFLICT, INVALID = "ConflictException", "ValidationException"

REFUSALS = {
    # names that are taken
    "model name": Refusal(["models", "add", "TINY", "--name", "tiny"], ("'tiny'", "give another name"), CONFLICT),
    "model named as an alias": Refusal(["models", "add", "TINY", "--name", "nick"], ("alias named 'nick'",), CONFLICT),
    "custom model name": Refusal(
        ["customize", "tiny", "--train", "train.jsonl", "--name", "bare"], ("'bare'", "choose another name"), CONFLICT
    ),
    "custom model named as an alias": Refusal(
        ["customize", "tiny", "--train", "train.jsonl", "--name", "nick"], ("alias named 'nick'",), CONFLICT
    ),
    "job name": Refusal(["evaluate", "tiny", *EVALUATE, "--name", "old"], ("a job named 'old'",), CONFLICT),
    "alias": Refusal(["models", "alias", "bare", "tiny"], ("'bare' is the name of a model",), CONFLICT),
    # names that nothing has
    "base": Refusal(["customize", "tinny", *CUSTOMIZE], ("no model named 'tinny'", "did you mean 'tiny'")),
    "evaluated model": Refusal(["evaluate", "tiny", "bear", *EVALUATE], ("'bear'", "did you mean 'bare'")),
    "asked model": Refusal(["ask", "q" * 9, "hello"], ("'qqqqqqqqq'", "`outcrop models list`")),
    "model to compare": Refusal(["ask", "scripted", "hello", "--against", "scripter"], ("did you mean 'scripted'",)),
    "model of a check": Refusal(["data", "check", "train.jsonl", "--model", "tinny"], ("did you mean 'tiny'",)),
    "aliased model": Refusal(["models", "alias", "new", "tinny"], ("did you mean 'tiny'",)),
    **{f"model to {verb}": Refusal(["models", verb, "tinny"], ("'tinny'",)) for verb in ("show", "remove")},
    "model to export": Refusal(["models", "export", "tinny", "out"], ("'tinny'",)),
    "alias to remove": Refusal(["models", "alias", "nock", "--remove"], ("no alias named 'nock'",)),
    "source": Refusal(["models", "add", "no-such-thing"], ("'no-such-thing' is no known model", "no folder here")),
    **{
        f"job to {verb}": Refusal(["jobs", verb, "nobody"], ("'nobody'", "`outcrop jobs list` shows them all"))
        for verb in ("show", "follow", "report", "logs", "stop", "resume", "delete")
    },
    "task": Refusal(
        ["evaluate", "tiny", "--data", "test.jsonl", "--task", "poetry"],
        ("no task type 'poetry'", "there is summarization"),
    ),
    "metric": Refusal(
        ["evaluate", "tiny", *EVALUATE, "--metrics", "rougeL,rouge_l"],
        ("No metric is named 'rouge_l'", "exact_match", "Did you mean rougeL?"),
    ),
    # what is no name
    "no model name": Refusal(
        ["customize", "tiny", "--train", "train.jsonl", "--name", "a/b"],
        ("model: name: found 'a/b'", "letters, digits"),
        INVALID,
    ),
    "no alias": Refusal(["models", "alias", "a b", "tiny"], ("alias: name: found 'a b'",), INVALID),
    "no job name": Refusal(["evaluate", "tiny", *EVALUATE, "--name", ".."], ("job: name: found '..'",), INVALID),
    # numbers
    "hyperparameters": Refusal(
        ["customize", "tiny", *CUSTOMIZE, "--epochs", "0", "--rank", "999", "--learning-rate", "nan", "--seed", "-1"],
        (
            "4 faults:",
            "epochs: found 0; expected a whole number, 1 to 100",
            "rank: found 999; expected a whole number, 1 to 512",
            "learning_rate: found nan; expected a number, 1e-08 to 1",
            "seed: found -1; expected a whole number, 0 to 2147483647",
        ),
        INVALID,
    ),
    "LoRA's options for full": Refusal(
        ["customize", "tiny", *CUSTOMIZE, "--method", "full", "--rank", "8", "--alpha", "16", "--targets", "q_proj"],
        (
            "3 faults:",
            "rank: found 8; expected nothing: only the method lora has it",
            "alpha: found 16.0",
            "targets: found 'q_proj'",
        ),
        INVALID,
    ),
    "max length": Refusal(
        ["customize", "tiny", *CUSTOMIZE, "--max-length", "4096"],
        ("max_length: found 4,096; expected 1 to 512, the model's context",),
        INVALID,
    ),
    "generation": Refusal(
        ["evaluate", "scripted", *EVALUATE, "--max-tokens", "0", "--top-p", "7", "--seed", "-1"],
        ("3 faults:", "max_tokens: found 0", "top_p: found 7.0", "seed: found -1"),
        INVALID,
    ),
    "an answer's parameters": Refusal(
        ["ask", "scripted", "hello", "--temperature", "-1"], ("temperature: found -1.0; expected a number, 0",), INVALID
    ),
    "a prompt too long": Refusal(["ask", "tiny", "x" * 600], ("tokens", "what the model's context leaves"), INVALID),
    # what a model can't do
    "a script as base": Refusal(
        ["customize", "scripted", *CUSTOMIZE], ("scripted does not support lora: it is a script",), INVALID
    ),
    "the same model twice": Refusal(["evaluate", "tiny", "nick", *EVALUATE], ("tiny more than once",), INVALID),
    "an adapter of what is none": Refusal(
        ["models", "export", "tiny", "out", "--as", "adapter"], ("no adapter but whole weights",), INVALID
    ),
    "a form that is none": Refusal(
        ["models", "export", "tiny", "out", "--as", "onnx"], ("as: found 'onnx'", "adapter, safetensors, gguf"), INVALID
    ),
    "an alias for nothing": Refusal(["models", "alias", "new"], ("the model to name, or --remove",), INVALID),
    "a job that has ended": Refusal(["jobs", "stop", "old"], ("job old is stopped",), CONFLICT),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_the_command_line(refusal: Refusal, capsys: pytest.CaptureFixture[str], tiny_folder: Path) -> None:
    command = [str(tiny_folder) if word == "TINY" else word for word in refusal.command]
    message, error = refused(capsys, command)
    for words in refusal.words:
        assert words in message
    assert error["code"] == refusal.code


def test_an_unknown_method_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["customize", "tiny", *CUSTOMIZE, "--method", "qlora"]) == 2
    spoken = capsys.readouterr()
    assert "'qlora' is not one of 'lora', 'full'" in spoken.err
    assert spoken.out == ""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OUTCROP_RUNNING_JOBS", "inf", "OUTCROP_RUNNING_JOBS: found inf; expected a whole number, 1 or more"),
        ("OUTCROP_LEASE_SECONDS", "soon", "OUTCROP_LEASE_SECONDS: found soon; expected a number, 1 or more"),
        ("OUTCROP_DEVICE", "abacus", "OUTCROP_DEVICE is 'abacus'; expected auto, cpu, cuda or cuda:N"),
    ],
)
def test_settings(
    name: str, value: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv(name, value)
        assert words in refused(capsys, ["customize", "tiny", *CUSTOMIZE])[0]


# data that changes after the job was submitted


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture(params=["customize", "evaluate"])
def waiting(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[str, Path]]:
    """A submitted job whose worker has not begun, and its data; the job is gone afterwards."""
    kind, file = request.param, Path("train.jsonl" if request.param == "customize" else "test.jsonl").absolute()
    command = ["customize", "tiny", *CUSTOMIZE] if kind == "customize" else ["evaluate", "scripted", *EVALUATE]
    assert program([*command, "--detach", "--json"]) == 0
    job = json.loads(capsys.readouterr().out)["job"]
    yield job, file
    assert program(["jobs", "delete", job]) == 0


def change(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b" \n")


def remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(("alter", "words"), [(change, "has changed since the job was submitted"), (remove, "is gone")])
def test_data_that_is_not_what_it_was(
    waiting: tuple[str, Path], alter: Callable[[Path], None], words: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job, file = waiting
    hashes = [sha256(file)]
    alter(file)
    hashes += [sha256(file)] if file.exists() else []
    assert worker.main(job) == 1
    with Outcrop(home) as outcrop:
        failed = outcrop.jobs.show(job)
    assert failed.status is Status.FAILED
    # Whoever follows it sees the job's error; going on with it is refused before any work.
    assert program(["jobs", "follow", job]) == 1
    message, _ = refused(capsys, ["jobs", "resume", job])
    for text in (failed.error, message):
        assert all(part in text for part in (str(file), words, *hashes))
        assert "back" in text
    with Outcrop(home) as outcrop:
        assert outcrop.jobs.show(job) == failed
        assert [model.name for model in outcrop.models.list()] == ["bare", "scripted", "tiny"]
