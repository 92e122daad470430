"""Remote models through the Python API and jobs: added, asked, evaluated within a budget, and gone on with."""

from __future__ import annotations

import json
import math
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from outcrop import Outcrop
from outcrop.app.evaluation import report_of
from outcrop.app.judging import JudgeChoice
from outcrop.domain.errors import AlreadyExists, InvalidInput, JobFailed, NotSupported
from outcrop.domain.jobs import Job, Status
from outcrop.domain.scores import Report
from outcrop.engines.scripted import Script
from tests.doubles import add_scripted, pairs, questions, write_lines
from tests.model_server import Faults, ModelServer, wait_until

COUNT = 60
SCRIPT = Script(patterns=((r"Question (\d+)", r"rock \1"),))

#: A prompt of four words, a response of two and its end.
COST = 4e-6 + 3 * 1e-5


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(SCRIPT) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return questions(tmp_path / "data.jsonl", COUNT)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTCROP_REMOTE_TIMEOUT", "5")
    monkeypatch.setenv("OUTCROP_REMOTE_PATIENCE", "30")


def add(outcrop: Outcrop, server: ModelServer, name: str = "far", **described: Any) -> None:
    given = {"model": "gneiss-1", "url": server.address, "input_price": 1.0, "output_price": 10.0}
    outcrop.models.add_remote(name, **(given | described))


def evaluate(outcrop: Outcrop, data: Path, models: Any = "far", **given: Any) -> Report:
    report = outcrop.evaluate(models, data=data, task="summarization", max_tokens=8, name="judged", **given)
    assert isinstance(report, Report)
    return report


def test_what_is_known_of_a_remote_model(outcrop: Outcrop, server: ModelServer) -> None:
    add(outcrop, server, context=4096)
    model = outcrop.models.show("far")
    assert (model.engine, model.parameters, model.context) == ("remote", 0, 4096)
    assert model.source == f"gneiss-1 at {server.address}/v1"
    folder = outcrop.services.store.get_folder(model.uri)
    assert json.loads((folder / "remote.json").read_text())["model"] == "gneiss-1"
    assert server.connections == 0, "nothing is asked of it"
    add(outcrop, server, "again", input_price=2.0)
    assert outcrop.models.show("again").identity == model.identity, "prices and keys are no part of what it is"
    add(outcrop, server, "other", model="gneiss-2")
    assert outcrop.models.show("other").identity != model.identity
    with pytest.raises(AlreadyExists, match="'far' already"):
        add(outcrop, server)
    assert outcrop.models.remove("far") > 0


def test_faults_come_together(outcrop: Outcrop, server: ModelServer) -> None:
    with pytest.raises(InvalidInput) as caught:
        outcrop.models.add_remote("a/b", url=server.address, colour="red")
    assert [fault.field for fault in caught.value.faults] == ["name", "colour", "model"]
    with pytest.raises(InvalidInput, match="2 faults"):
        add(outcrop, server, url="ftp://x", protocol="openai", max_concurrency=0)
    assert outcrop.models.list() == []


def test_asking(outcrop: Outcrop, server: ModelServer) -> None:
    add(outcrop, server)
    assert "".join(outcrop.ask("far", "Question 7 about rock")) == "rock 7"


def test_the_key_is_read_from_its_variable_and_kept_nowhere(
    outcrop: Outcrop, home: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(SCRIPT, key="sk-very-secret") as server:
        add(outcrop, server, api_key_env="ROCK_KEY")
        with pytest.raises(InvalidInput, match="ROCK_KEY: found nothing; expected the key for far"):
            list(outcrop.ask("far", "Question 7"))
        monkeypatch.setenv("ROCK_KEY", "sk very\nsecret")
        with pytest.raises(InvalidInput, match="characters that no header may have") as caught:
            list(outcrop.ask("far", "Question 7"))
        assert "very" not in str(caught.value)
        monkeypatch.setenv("ROCK_KEY", " sk-very-secret\n")
        assert "".join(outcrop.ask("far", "Question 7")) == "rock 7"
        monkeypatch.setenv("ROCK_KEY", "sk-wrong-secret")
        with pytest.raises(JobFailed, match=r"401 Incorrect API key provided: Bearer \*\*\*"):
            evaluate(outcrop, data)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if b"secret" in path.read_bytes()]


def test_what_needs_weights_is_refused(outcrop: Outcrop, server: ModelServer, tmp_path: Path) -> None:
    add(outcrop, server)
    train = pairs(tmp_path / "train.jsonl")
    with pytest.raises(NotSupported, match=f"far does not support lora: it is a remote model: {server.address}/v1 has"):
        outcrop.customize("far", train=train, name="mine")
    with pytest.raises(NotSupported, match="far does not support lora"):
        outcrop.estimate("far", train=train, name="mine")
    for refused in (
        lambda: outcrop.models.export("far", tmp_path / "out"),
        lambda: outcrop.check_data(train, model="far"),
    ):
        with pytest.raises(NotSupported, match="far is a remote model: its weights are not here"):
            refused()
    with pytest.raises(NotSupported, match="far was not made by a customization here"):
        outcrop.forgetting("far", domain=train)
    assert not (tmp_path / "out").exists()


def test_an_evaluation_of_a_server_that_fails(here: Outcrop, data: Path, tmp_path: Path) -> None:
    shares = {"throttle": 0.1, "fail": 0.1, "half": 0.05, "reset": 0.05}
    with ModelServer(SCRIPT, Faults(shares, seed=6, retry_after="0.02")) as server:
        add(here, server)
        add_scripted(here, tmp_path, "near", echo_words=2)
        report = evaluate(here, data, ["near", "far"])
        assert set(server.answered.values()) == {1}
        failed = server.asked.total() - COUNT
    scores = {(score.model, score.metric): score.value for score in report.scores}
    assert scores["far", "exact_match"] == 1
    assert scores["near", "exact_match"] == 0
    assert report.models[1].efficiency["generated_tokens"] == 3 * COUNT
    # Of what broke off nobody knows what it cost; it counts with the most.
    assert report.models[1].efficiency["cost"] > COUNT * COST
    lines = [line.text for line in here.jobs.logs("judged")]
    assert any(line.startswith(f"far: {COUNT} requests answered, {failed} failed") for line in lines)


def test_a_budget_stops_a_job_and_a_larger_one_goes_on(
    here: Outcrop, data: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(here, server)
    # What the next request may cost, by its bytes, is far more than it does.
    monkeypatch.setenv("OUTCROP_BUDGET", str(20 * COST))
    with Outcrop() as outcrop, pytest.raises(JobFailed, match="judged stopped: far: the budget leaves no room"):
        evaluate(outcrop, data)
    job = here.jobs.show("judged")
    first = server.answered.total()
    assert job.status is Status.STOPPED
    assert "raise OUTCROP_BUDGET or OUTCROP_TOKEN_BUDGET and resume the job" in job.error
    assert 10 < first <= 20
    with Outcrop() as outcrop:
        assert outcrop.jobs.resume("judged").status is Status.STOPPED, "what was spent before counts"
    assert server.asked.total() == first
    monkeypatch.setenv("OUTCROP_BUDGET", str(40 * COST))
    with Outcrop() as outcrop:
        assert outcrop.jobs.resume("judged").status is Status.STOPPED
    second = server.answered.total()
    assert 30 < second <= 40
    monkeypatch.setenv("OUTCROP_BUDGET", "1")
    with Outcrop() as outcrop:
        job = outcrop.jobs.resume("judged")
        assert job.status is Status.DONE
    assert server.asked == Counter({f"Question {place} about rock": 1 for place in range(COUNT)}), "none is paid twice"
    kept = [entry.key for entry in here.services.store.entries(f"jobs/{job.id}/responses/")]
    assert sum(".kept/" in key for key in kept) == 0


def test_choices_are_scored_by_a_server_that_echoes(
    here: Outcrop, tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [
        {
            "prompt": f"Which is the shorter one, {place}?",
            "choices": ["gneiss", "schist or slate"],
            "referenceResponse": "gneiss",
        }
        for place in range(40)
    ]
    data = write_lines(tmp_path / "choices.jsonl", records)
    add(here, server)
    monkeypatch.setenv("OUTCROP_TOKEN_BUDGET", "500")
    with Outcrop() as outcrop, pytest.raises(JobFailed, match="judged stopped: far: the budget leaves no room"):
        outcrop.evaluate("far", data=data, task="multiple-choice", name="judged")
    before = server.asked.copy()
    assert len(before) >= 2 * 16
    monkeypatch.setenv("OUTCROP_TOKEN_BUDGET", "5000")
    with Outcrop() as outcrop:
        report = report_of(outcrop.jobs.resume("judged"))
    assert report.scores[0].value == 1
    assert set(server.asked) == {f"{record['prompt']} {choice}" for record in records for choice in record["choices"]}
    twice = [prompt for prompt, times in server.asked.items() if times > 1]
    assert len(twice) < 2 * 16, "no more than the part that was not stored"
    assert report.models[0].efficiency["cost"] > 0


def test_perplexity_by_a_server_that_echoes(here: Outcrop, tmp_path: Path, server: ModelServer) -> None:
    data = write_lines(tmp_path / "texts.jsonl", [{"text": "granite is hard " * 30}, {"text": "a b"}])
    add(here, server, context=2048)
    report = here.evaluate("far", data=data, task="perplexity")
    assert isinstance(report, Report)
    # The script's log-probability is minus one for each character, which is a byte.
    assert report.primary == "bits_per_byte"
    assert report.scores[0].value == pytest.approx(1 / math.log(2))


def test_a_conversation_can_not_be_scored(here: Outcrop, tmp_path: Path, server: ModelServer) -> None:
    data = write_lines(
        tmp_path / "choices.jsonl", [{"prompt": "a", "choices": ["b", "c"], "referenceResponse": "b"}] * 2
    )
    add(here, server)
    with pytest.raises(JobFailed, match="far: its chat template is at its server"):
        here.evaluate("far", data=data, task="multiple-choice", chat=True)
    assert server.connections == 0


def test_a_judge_that_is_remote(here: Outcrop, data: Path, tmp_path: Path) -> None:
    add_scripted(here, tmp_path, "one", echo_words=2)
    add_scripted(here, tmp_path, "two", echo_words=3)
    faults = Faults({"throttle": 0.1, "half": 0.05}, seed=8)
    with ModelServer(Script(patterns=(("", '{"better": "A"}'),)), faults) as server:
        add(here, server)
        choice = JudgeChoice(["far"], criteria=["Helpfulness"], pairwise=True)
        report = here.evaluate(["one", "two"], data=data, task="generation", judging=choice)
        assert isinstance(report, Report)
        (judge,) = report.judges
        assert server.answered.total() >= 2 * COUNT, "in both orders"
    assert judge.figures["cost"] >= judge.figures["generated_tokens"] * 1e-5


def test_a_budget_in_tokens(here: Outcrop, data: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    add(here, server, input_price=None, output_price=None)
    monkeypatch.setenv("OUTCROP_TOKEN_BUDGET", "200")
    with Outcrop() as outcrop, pytest.raises(JobFailed, match="of 200 tokens used"):
        evaluate(outcrop, data)
    # Seven tokens each.
    assert 7 * server.answered.total() <= 200


def test_one_budget_is_for_all_models_of_a_job(
    here: Outcrop, data: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(here, server)
    add(here, server, "farther", model="gneiss-2")
    monkeypatch.setenv("OUTCROP_BUDGET", str((COUNT + 20) * COST))
    with Outcrop() as outcrop, pytest.raises(JobFailed, match="judged stopped: farther: the budget"):
        evaluate(outcrop, data, ["far", "farther"])
    assert COUNT + 10 < server.answered.total() <= COUNT + 20


def test_a_budget_of_money_needs_prices(
    here: Outcrop, data: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(here, server, input_price=None, output_price=None)
    monkeypatch.setenv("OUTCROP_BUDGET", "5")
    with Outcrop() as outcrop, pytest.raises(JobFailed, match="OUTCROP_BUDGET: found no prices of far"):
        evaluate(outcrop, data)
    assert server.connections == 0


@pytest.mark.process
def test_a_worker_that_is_killed_pays_for_nothing_twice(outcrop: Outcrop, data: Path) -> None:
    with ModelServer(Script(SCRIPT.responses, SCRIPT.patterns, delay=0.02)) as server:
        add(outcrop, server, max_concurrency=4)
        job = outcrop.evaluate("far", data=data, task="summarization", max_tokens=8, wait=False)
        assert isinstance(job, Job)

        def kept() -> list[str]:
            keys = [entry.key for entry in outcrop.services.store.entries(f"jobs/{job.id}/responses/")]
            return [key for key in keys if ".kept/" in key]

        wait_until(lambda: len(kept()) >= 10)
        worker = outcrop.jobs.show(job.id).worker
        assert worker is not None
        os.kill(worker.pid, signal.SIGKILL)
        psutil.Process(worker.pid).wait(10)
        parts = [json.loads(outcrop.services.store.read(key))["responses"] for key in kept()]
        stored = {f"Question {response['number']} about rock" for part in parts for response in part}
        assert 10 <= len(stored) < COUNT
        outcrop.services.recover()
        assert outcrop.jobs.wait(job.id).status is Status.DONE
        assert {prompt for prompt, times in server.asked.items() if times > 1}.isdisjoint(stored)
        # What was on its way when the worker died is asked again, and what had just come: four at once of each.
        assert server.asked.total() <= COUNT + 8
