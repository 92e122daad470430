"""Invocation jobs in this process: a kill is an exception that nothing catches."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from outcrop.app.invocation import submit_invocation
from outcrop.app.models import Models
from outcrop.domain.errors import LeaseLost, NotFound
from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.domain.jobs import Job, Status
from outcrop.domain.records import Message, Role
from outcrop.engines.scripted import FILE, Script, ScriptedEngine, read_calls
from outcrop.jobs import invocation
from outcrop.jobs.invocation_answers import job_seed
from outcrop.jobs.lease import Lease, seconds_awake_or_asleep
from outcrop.jobs.worker import work
from outcrop.services import Services
from outcrop.stores.address import parse
from outcrop.stores.buckets import FolderBuckets
from outcrop.stores.local import LocalStore
from tests.doubles import claimed, taken_over, write_lines
from tests.model_server import ModelServer

Line = dict[str, Any]


class Killed(BaseException):
    """The process ends here."""


def llama(text: str, **more: Any) -> Line:
    return {"prompt": text, **more}


def records(count: int, **more: Any) -> list[Line]:
    """Records of different lengths, so that a plan is not the order of the file."""
    texts = [f"Say {'rock ' * (number % 5)}{number}" for number in range(count)]
    return [{"recordId": f"R-{number}", "modelInput": llama(text, **more)} for number, text in enumerate(texts)]


@pytest.fixture
def calls(services: Services, tmp_path: Path) -> Path:
    """The file of the calls of a scripted model, which is added."""
    return add(services, tmp_path, batch_rows=3)


def add(services: Services, folder: Path, name: str = "scripted", **script: Any) -> Path:
    script_folder, calls = folder / f"script-{name}", folder / f"{name}.calls"
    script_folder.mkdir()
    (script_folder / FILE).write_text(json.dumps({"calls": str(calls), **script}), encoding="utf-8")
    Models(services).add_scripted(name, script_folder)
    return calls


def submit(services: Services, data: Path | str, model: str = "scripted", **options: Any) -> Job:
    return submit_invocation(services, model, data=data, output=options.pop("output", "s3://results/out"), **options)


def go_on(services: Services, job: Job) -> Job:
    """Let a worker do the job's work, after a stop, a failure or a kill."""
    found = services.catalog.job(job.id)
    if found.status in (Status.STOPPED, Status.FAILED):
        services.catalog.resume(job.id)
    claim = claimed(services, found) if found.status is not Status.RUNNING else taken_over(services, found)
    work(services, claim)
    return services.catalog.job(job.id)


def done(services: Services, job: Job) -> Job:
    found = go_on(services, job)
    assert found.status is Status.DONE, found.error
    return found


def left(services: Services, job: Job, name: str) -> str:
    """A file that a job left."""
    return services.buckets.fetch(parse(f"s3://results/out/{job.id}/{name}")).read_text(encoding="utf-8")


def lines(services: Services, job: Job, name: str = "in.jsonl.out") -> list[Line]:
    return [json.loads(line) for line in left(services, job, name).splitlines()]


def manifest(services: Services, job: Job) -> Line:
    found: Line = json.loads(left(services, job, "manifest.json.out"))
    return found


def generations(found: Sequence[Line]) -> list[str]:
    return [line["modelOutput"]["generation"] for line in found]


def test_answers_keep_the_order_of_the_records(services: Services, tmp_path: Path, calls: Path) -> None:
    job = done(services, submit(services, write_lines(tmp_path / "in.jsonl", records(10, max_gen_len=2))))
    found = lines(services, job)
    assert [line["recordId"] for line in found] == [f"R-{number}" for number in range(10)]
    assert [line["modelInput"] for line in found] == [record["modelInput"] for record in records(10, max_gen_len=2)]
    assert found[1]["modelOutput"] == {
        "generation": "Say rock",
        "prompt_token_count": 3,
        "generation_token_count": 2,
        "stop_reason": "length",
    }
    assert list(found[1]) == ["recordId", "modelInput", "modelOutput"]
    assert manifest(services, job) == {
        "totalRecordCount": 10,
        "processedRecordCount": 10,
        "successRecordCount": 10,
        "errorRecordCount": 0,
        "inputTokenCount": sum(len(record["modelInput"]["prompt"].split()) for record in records(10)),
        "outputTokenCount": 20,
    }
    assert job.result is not None
    place = f"s3://results/out/{job.id}"
    assert {name: job.result[name] for name in ("records", "succeeded", "failed", "files", "manifest")} == {
        "records": 10,
        "succeeded": 10,
        "failed": 0,
        "files": [f"{place}/in.jsonl.out"],
        "manifest": f"{place}/manifest.json.out",
    }
    assert (job.progress.done, job.progress.total, job.progress.figures) == (10, 10, {"failed": 0.0})
    assert not list(services.store.entries(f"jobs/{job.id}/")), "all of it is in its place"


def test_a_record_without_an_id_gets_one_by_its_place(services: Services, tmp_path: Path, calls: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        write_lines(tmp_path / "in" / f"{name}.jsonl", [{"modelInput": llama("ä")}, {"modelInput": llama("b")}])
    job = done(services, submit(services, tmp_path / "in"))
    ids = [line["recordId"] for name in "ab" for line in lines(services, job, f"{name}.jsonl.out")]
    assert ids == ["REC00000001", "REC00000002", "REC00000003", "REC00000004"]
    assert '"prompt": "ä"' in left(services, job, "a.jsonl.out")


def test_every_file_of_a_folder_has_its_answers(services: Services, tmp_path: Path, calls: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in ("b.jsonl", "deep/c.jsonl", "a.jsonl"):
        write_lines(folder / name, [{"recordId": name, "modelInput": llama(f"From {name}")}])
    (folder / "notes.txt").write_text("no records")
    job = done(services, submit(services, folder, output=tmp_path / "out"))
    out = tmp_path / "out" / job.id
    names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert names == {"a.jsonl.out", "b.jsonl.out", "deep/c.jsonl.out", "manifest.json.out"}
    assert json.loads((out / "deep/c.jsonl.out").read_text())["modelOutput"]["generation"] == "From deep/c.jsonl"
    assert read_calls(calls) == [0, 1, 2]
    logged = [line.text for line in services.catalog.log_lines(job.id)]
    assert "deep/c.jsonl: 1 records are processed" in logged


def test_a_record_fails_by_itself(services: Services, tmp_path: Path) -> None:
    """One that can't be read, one that is too long, and one with two faults; the others are answered."""
    add(services, tmp_path, context=20, batch_rows=3)
    given = records(8)
    given[2]["modelInput"] = {"question": "what?"}
    given[4]["modelInput"] = llama("rock " * 30)
    given[6]["modelInput"] = llama("Say 6", max_gen_len=0, temperature="hot")
    job = done(services, submit(services, write_lines(tmp_path / "in.jsonl", given)))
    found = lines(services, job)
    assert [line["recordId"] for line in found] == [record["recordId"] for record in given]
    assert [place for place, line in enumerate(found) if "error" in line] == [2, 4, 6]
    assert list(found[4]) == ["recordId", "modelInput", "error"]
    assert found[4]["modelInput"] == given[4]["modelInput"]
    assert found[4]["error"] == {
        "errorCode": 400,
        "errorMessage": "modelInput: found 30 tokens; expected at most 19, which is what the model's context leaves",
    }
    assert "expected a body of a family of models" in found[2]["error"]["errorMessage"]
    for member in ("modelInput: max_gen_len: found the number 0", 'modelInput: temperature: found "hot"'):
        assert member in found[6]["error"]["errorMessage"]
    counts = manifest(services, job)
    assert [counts[f"{name}RecordCount"] for name in ("total", "processed", "success", "error")] == [8, 8, 5, 3]
    assert job.progress.figures == {"failed": 3.0}


def test_records_may_all_fail(services: Services, tmp_path: Path, calls: Path) -> None:
    given: list[Line] = [{"modelInput": {}}] * 3
    job = done(services, submit(services, write_lines(tmp_path / "in.jsonl", given)))
    assert manifest(services, job)["errorRecordCount"] == 3
    assert all("error" in line for line in lines(services, job))
    assert read_calls(calls) == []


def test_converse_has_its_own_words(services: Services, tmp_path: Path, calls: Path) -> None:
    body = {
        "messages": [{"role": "user", "content": [{"text": "What is gneiss?"}]}],
        "inferenceConfig": {"maxTokens": 2},
    }
    tools = {**body, "toolConfig": {"tools": [{"toolSpec": {"name": "t", "inputSchema": {"json": {}}}}]}}
    given = [{"modelInput": body}, {"modelInput": tools}]
    job = done(services, submit(services, write_lines(tmp_path / "in.jsonl", given), wording="converse"))
    answered, failed = lines(services, job)
    assert answered["modelOutput"].pop("metrics")["latencyMs"] >= 0
    assert answered["modelOutput"] == {
        "output": {"message": {"role": "assistant", "content": [{"text": "What is"}]}},
        "stopReason": "max_tokens",
        "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
    }
    assert failed["error"]["errorCode"] == 400
    assert "modelInput: toolConfig" in failed["error"]["errorMessage"]


def test_the_models_id_tells_in_whose_words_it_is_asked(services: Services, tmp_path: Path, calls: Path) -> None:
    services.catalog.set_alias("amazon.titan-text-express-v1", "scripted")
    data = write_lines(tmp_path / "in.jsonl", [{"modelInput": {"inputText": "a b"}}, {"modelInput": llama("a b")}])
    titan, other = lines(services, done(services, submit(services, data, "us.amazon.titan-text-express-v1:0")))
    assert titan["modelOutput"]["results"][0]["outputText"] == "a b"
    assert "inputText" in other["error"]["errorMessage"]
    by_body = lines(services, done(services, submit(services, data)))
    assert by_body[0]["modelOutput"] == titan["modelOutput"]
    assert by_body[1]["modelOutput"]["generation"] == "a b"


def test_each_record_has_its_own_parameters(services: Services, tmp_path: Path, calls: Path) -> None:
    given = [
        {"modelInput": {"inputText": "a b c d", "textGenerationConfig": {"maxTokenCount": 1 + number % 3}}}
        for number in range(9)
    ]
    job = done(services, submit(services, write_lines(tmp_path / "in.jsonl", given)))
    texts = [line["modelOutput"]["results"][0]["outputText"] for line in lines(services, job)]
    assert texts == ["a", "a b", "a b c"] * 3
    # Those that ask for the same share batches, in the order in which they first come.
    assert read_calls(calls) == [0, 3, 6, 1, 4, 7, 2, 5, 8]


def weighted(services: Services, tmp_path: Path) -> None:
    add(services, tmp_path, patterns=[["", [[1, word] for word in ("one", "two", "three", "four", "five", "six")]]])


def test_samples_depend_on_the_job_and_the_record(services: Services, tmp_path: Path) -> None:
    """As at InvokeModel a request without a seed draws by chance; but once drawn, the job keeps to it."""
    weighted(services, tmp_path)
    given = [{"modelInput": llama("Throw", temperature=1.0)}] * 40
    data = write_lines(tmp_path / "in.jsonl", given)
    jobs = [submit(services, data) for _ in range(2)]
    texts = [generations(lines(services, done(services, job))) for job in jobs]
    assert texts[0] != texts[1]
    engine = ScriptedEngine.load(services.store.get_folder(services.catalog.model("scripted").uri))
    message = (Message(Role.USER, "Throw"),)
    for job, found in zip(jobs, texts, strict=True):
        assert set(Counter(found)) == {"one", "two", "three", "four", "five", "six"}
        seeded = GenerationParameters(temperature=1.0, seed=job_seed(job.id))
        wanted = engine.generate([Prompt(number, message) for number in range(40)], seeded)
        assert found == [response.text for response in wanted]


def test_a_seed_of_the_records_own_is_kept(services: Services, tmp_path: Path) -> None:
    weighted(services, tmp_path)
    given = [{"modelInput": llama("Throw", temperature=1.0, seed=7 + number % 2)} for number in range(30)]
    data = write_lines(tmp_path / "in.jsonl", given)
    first, second = (lines(services, done(services, submit(services, data))) for _ in range(2))
    assert generations(first) == generations(second)
    assert len(set(generations(first))) > 2


def stopped_after(monkeypatch: pytest.MonkeyPatch, services: Services, job: Job, batches: int) -> None:
    """Somebody asks the job to stop when so many batches are answered."""
    real = ScriptedEngine.generate
    made = [0]

    def generate(self: ScriptedEngine, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
        made[0] += 1
        if made[0] == batches:
            services.catalog.stop(job.id)
            monkeypatch.setattr(Lease, "stop_asked", True)
        return real(self, prompts, parameters)

    monkeypatch.setattr(ScriptedEngine, "generate", generate)


def test_a_stopped_job_leaves_what_it_has_and_goes_on(
    services: Services, tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocation, "PORTION_RECORDS", 8)
    given = records(20, max_gen_len=8)
    given[1]["modelInput"] = given[13]["modelInput"] = {}
    for number in (2, 3, 10, 11):
        given[number]["modelInput"]["max_gen_len"] = 2
    data = write_lines(tmp_path / "in.jsonl", given)
    wanted = left(services, done(services, submit(services, data)), "in.jsonl.out")
    calls.unlink()
    job = submit(services, data)
    with monkeypatch.context() as patched:
        # Two groups of the first portion have three batches; the second portion's first batch follows.
        stopped_after(patched, services, job, 4)
        stopped = go_on(services, job)
    assert (stopped.status, stopped.error, stopped.result) == (Status.STOPPED, "", None)
    asked = read_calls(calls)
    assert len(asked) == 10
    found = lines(services, job)
    assert [line["recordId"] for line in found] == [f"R-{number}" for number in sorted([*asked, 1, 13])]
    counts = manifest(services, job)
    assert [counts[f"{name}RecordCount"] for name in ("total", "processed", "success", "error")] == [20, 12, 10, 2]
    assert (stopped.progress.done, stopped.progress.figures) == (12, {"failed": 2.0})
    # Stopped again before anything is done, it takes nothing back.
    with monkeypatch.context() as patched:
        stopped_after(patched, services, job, 1)
        patched.setattr(Lease, "stop_asked", True)
        assert go_on(services, job).progress.done == 12
    assert lines(services, job) == found
    assert manifest(services, job) == counts
    # Stopped after the first batch of what is left, it has the answers of before, of all groups, and this batch's.
    with monkeypatch.context() as patched:
        stopped_after(patched, services, job, 1)
        assert go_on(services, job).progress.done == 12 + len(read_calls(calls)) - 10
    assert {line["recordId"] for line in found} < {line["recordId"] for line in lines(services, job)}
    assert done(services, job).result
    assert left(services, job, "in.jsonl.out") == wanted
    assert sorted(read_calls(calls)) == sorted(set(range(20)) - {1, 13}), "nothing is asked twice"


def test_a_job_ends_with_its_time(
    services: Services, tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(services, write_lines(tmp_path / "in.jsonl", records(9)), hours=0.5)
    later = seconds_awake_or_asleep() + 1801
    real = ScriptedEngine.generate

    def generate(self: ScriptedEngine, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
        monkeypatch.setattr("outcrop.jobs.lease.seconds_awake_or_asleep", lambda: later)
        return real(self, prompts, parameters)

    monkeypatch.setattr(ScriptedEngine, "generate", generate)
    # The lease has run out as well, and nobody has taken the job meanwhile.
    ended = go_on(services, job)
    assert (ended.status, ended.error) == (Status.STOPPED, "its 0.5 hours are over; what is done is kept")
    assert len(lines(services, job)) == len(read_calls(calls)) == 3
    assert manifest(services, job)["processedRecordCount"] == 3


def test_a_job_whose_time_is_over_before_its_turn_asks_nothing(services: Services, tmp_path: Path, calls: Path) -> None:
    job = submit(services, write_lines(tmp_path / "in.jsonl", records(3)), hours=1e-9)
    assert go_on(services, job).error == "its 1e-09 hours are over; what is done is kept"
    assert read_calls(calls) == []


def killed_at(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, call: int, *, before: bool) -> None:
    """The process ends right before or right after such a call."""
    real: Callable[..., Any] = getattr(owner, name)
    made = [0]

    def counted(*arguments: Any, **named: Any) -> Any:
        made[0] += 1
        if made[0] == call and before:
            raise Killed
        result = real(*arguments, **named)
        if made[0] == call:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, counted)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    # One portion has two batches and one has one; each has beside them a plan, lines and their counts.
    # The folders of the portions' responses, then what both kept. The answers and the manifest.
    ("owner", "method", "times"),
    [(LocalStore, "write", 5 + 4), (LocalStore, "delete", 2 + 2), (FolderBuckets, "put", 2)],
)
def test_killed_at_any_write_it_ends_as_if_nothing_had_happened(
    services: Services,
    tmp_path: Path,
    calls: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    method: str,
    times: int,
    before: bool,
) -> None:
    monkeypatch.setattr(invocation, "PORTION_RECORDS", 5)
    given = records(8)
    given[3]["modelInput"] = {}
    data = write_lines(tmp_path / "in.jsonl", given)
    whole = done(services, submit(services, data))
    names = ["in.jsonl.out", "manifest.json.out"]
    wanted = [left(services, whole, name) for name in names]
    kills = 0
    for call in range(1, 100):
        calls.unlink(missing_ok=True)
        job = submit(services, data)
        with monkeypatch.context() as patched:
            killed_at(patched, owner, method, call, before=before)
            try:
                go_on(services, job)
            except Killed:
                kills += 1
        if services.catalog.job(job.id).status is not Status.DONE:
            done(services, job)
        assert [left(services, job, name) for name in names] == wanted
        # Three to a batch: what was about to be written when the end came is asked once more.
        asked = read_calls(calls)
        assert set(asked) == set(range(8)) - {3}
        assert len(asked) <= 7 + (3 if method == "write" and before else 0)
        if kills < call:
            break
    assert kills == times


def test_portions_change_no_answer(
    services: Services, tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_lines(tmp_path / "in.jsonl", records(20))
    whole = lines(services, done(services, submit(services, data)))
    for name, limit in (("PORTION_RECORDS", 3), ("PORTION_SIZE", 60)):
        calls.unlink()
        with monkeypatch.context() as patched:
            patched.setattr(invocation, name, limit)
            job = done(services, submit(services, data))
        assert lines(services, job) == whole
        assert max(read_calls(calls)[:3]) < 5, "only those of a portion share a batch"


def test_a_worker_that_lost_its_lease_leaves_nothing(
    services: Services, tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(services, write_lines(tmp_path / "in.jsonl", records(5)))
    claim = claimed(services, job)
    real = ScriptedEngine.generate

    def generate(self: ScriptedEngine, prompts: Sequence[Prompt], parameters: GenerationParameters) -> list[Response]:
        taken_over(services, services.catalog.job(job.id))
        monkeypatch.setattr("outcrop.jobs.lease.seconds_awake_or_asleep", lambda: 1e12)
        return real(self, prompts, parameters)

    monkeypatch.setattr(ScriptedEngine, "generate", generate)
    with Lease(services.catalog, claim, 600) as lease, pytest.raises(LeaseLost):
        invocation.run(services, lease)
    names = [entry.key.rpartition("/")[2] for entry in services.store.entries(f"jobs/{job.id}/")]
    assert names == ["plan.json"]
    with pytest.raises(NotFound):
        manifest(services, job)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda data, _: data.write_text('{"modelInput": {}}\n'), "has changed since the job was submitted"),
        (lambda data, _: data.unlink(), "is gone; put it back"),
        (lambda _, services: Models(services).remove("scripted"), "there is no model named 'scripted'"),
    ],
)
def test_what_it_works_with_must_be_the_same(
    services: Services, tmp_path: Path, calls: Path, change: Callable[[Path, Services], object], error: str
) -> None:
    data = write_lines(tmp_path / "in.jsonl", records(5))
    job = submit(services, data)
    services.catalog.stop(job.id)
    change(data, services)
    found = go_on(services, job)
    assert found.status is Status.FAILED
    assert error in found.error


@pytest.fixture
def far(services: Services) -> Callable[[ModelServer], None]:
    """Adds a remote model."""

    def added(server: ModelServer) -> None:
        Models(services).add_remote("far", model="gneiss-1", url=server.address)

    return added


def test_what_a_remote_model_refuses_fails_by_itself(
    services: Services, tmp_path: Path, far: Callable[[ModelServer], None]
) -> None:
    """Whether a prompt is too long, only the server knows."""

    def refuse(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes] | None:
        text = body["messages"][-1]["content"]
        return (400, {}, b'{"error": {"message": "too long"}}') if text.endswith(("3", "5")) else None

    with ModelServer(Script(), replace=refuse) as server:
        far(server)
        job = done(services, submit(services, write_lines(tmp_path / "in.jsonl", records(10)), "far"))
        assert [line["recordId"] for line in lines(services, job) if "error" in line] == ["R-3", "R-5"]
        assert "400 too long" in lines(services, job)[3]["error"]["errorMessage"]
        answered = {prompt: count for prompt, count in server.answered.items() if not prompt.endswith(("3", "5"))}
        assert set(answered.values()) == {1}
        assert len(answered) == 8
    assert manifest(services, job)["errorRecordCount"] == 2


def test_a_remote_model_that_refuses_everybody_fails_the_job(
    services: Services, tmp_path: Path, far: Callable[[ModelServer], None]
) -> None:
    with ModelServer(Script(), replace=lambda _: (401, {}, b'{"error": {"message": "no such key"}}')) as server:
        far(server)
        job = go_on(services, submit(services, write_lines(tmp_path / "in.jsonl", records(10)), "far"))
    assert job.status is Status.FAILED
    assert "no such key" in job.error
