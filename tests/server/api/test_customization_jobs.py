"""The loss of a customization job over the wire: live, taken up again, and as a document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import quote

import pytest

from outcrop.catalog.protocol import Claim
from outcrop.domain.codec import to_json
from outcrop.domain.jobs import Job, JobKind, Progress, Status
from outcrop.domain.models import CurvePoint
from outcrop.reports.document import plain
from outcrop.server.api import customization_jobs
from outcrop.server.api.customization_jobs import Pace, Place, place_of
from tests.doubles import IdleRunner, claimed, submitted
from tests.server.api.test_evaluation_jobs import refused
from tests.server.wire import Wire, scope_of

PATH = "/outcrop/v1/customization-jobs"

REQUEST: dict[str, Any] = {
    "model": "tuned",
    "base": "base",
    "method": "lora",
    "train": {"path": "train.jsonl", "hash": "0123456789abcdef"},
    "hyperparameters": {"learning_rate": 1e-3, "epochs": 1},
}

CURVE = (
    CurvePoint(0, 0, validation_loss=3.5),
    CurvePoint(1, 0, training_loss=3.0),
    CurvePoint(2, 0, training_loss=2.5),
    CurvePoint(2, 0, validation_loss=2.75),
    CurvePoint(3, 0, training_loss=2.0),
)

Event = tuple[str, str, Any]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customization_jobs, "PACE", Pace(look=0.01, silence=0.05, longest=30.0))


@pytest.fixture
def job(runner: IdleRunner, wire: Wire) -> Job:
    return submitted(wire.outcrop.services, JobKind.CUSTOMIZATION, "training", **REQUEST)


def kept(*points: CurvePoint) -> list[Any]:
    return [to_json(point) for point in points]


def ended(wire: Wire, job: Job, status: Status = Status.DONE, error: str = "") -> None:
    """End a job with the whole curve."""
    claim = claimed(wire.outcrop.services, job)
    wire.outcrop.services.catalog.finish(claim, status, result={"curve": kept(*CURVE), "steps": 3}, error=error)


def events(body: bytes) -> list[Event]:
    """What a stream said: id, kind and data of each event, as a browser reads them."""
    found = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


def test_a_job_that_has_ended_tells_its_whole_curve(wire: Wire, job: Job) -> None:
    ended(wire, job)
    arn = f"arn:aws:bedrock:eu-central-1:123456789012:model-customization-job/meta.llama3-1-8b-instruct-v1:0/{job.id}"
    for name in ("training", job.id, quote(arn, safe="")):
        answer = wire.ask(f"{PATH}/{name}/loss")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert answer.headers["cache-control"] == "no-store"
        told = events(answer.body)
        assert [kind for _, kind, _ in told] == ["point"] * 5 + ["end"]
        assert [data for _, _, data in told[:-1]] == [plain(point) for point in CURVE]
        assert told[-1][2] == {"status": "done", "error": ""}


def test_a_client_that_comes_again_gets_the_rest(wire: Wire, job: Job) -> None:
    ended(wire, job, Status.FAILED, "no memory")
    told = events(wire.ask(f"{PATH}/training/loss").body)
    for place in range(len(told)):
        again = events(wire.ask(f"{PATH}/training/loss", headers={"Last-Event-ID": told[place][0]}).body)
        assert again == (told[place + 1 :] or told[-1:])
    assert told[-1][2] == {"status": "failed", "error": "no memory"}


@pytest.mark.parametrize("text", ["", "nonsense", "1.2", "1.1.1.1", "9" * 5000, "é"])
def test_an_id_of_somebody_else_means_the_beginning(text: str) -> None:
    assert place_of(text) == Place()


class Watching:
    """A client that reads a stream until it has seen enough; after each look it may change what goes on."""

    def __init__(self, wire: Wire, target: str, headers: dict[str, str]) -> None:
        self.wire = wire
        self.scope = scope_of("GET", target, wire.signed(target, "GET", headers))
        self.body = b""

    def until(self, done: Callable[[bytes], bool]) -> bytes:
        """All that came until a condition held, or the stream's end; the client leaves then."""

        async def watch() -> None:
            left = asyncio.Event()
            first = True

            async def receive() -> dict[str, Any]:
                nonlocal first
                if first:
                    first = False
                    return {"type": "http.request", "body": b"", "more_body": False}
                await left.wait()
                return {"type": "http.disconnect"}

            async def send(message: MutableMapping[str, Any]) -> None:
                self.body += message.get("body", b"")
                if done(self.body):
                    left.set()

            await asyncio.wait_for(self.wire.app(self.scope, receive, send), 20)

        asyncio.run(watch())
        return self.body


def test_a_job_that_runs_is_told_as_it_goes_on(wire: Wire, job: Job) -> None:
    catalog = wire.outcrop.services.catalog
    moves: list[Callable[[Claim], object]] = [
        lambda claim: catalog.renew(claim, 60, Progress("training", 1, 3, figures={"loss": 3.0})),
        lambda claim: catalog.commit_checkpoint(claim, {"step": 2, "keys": [], "curve": kept(*CURVE[:3])}),
        lambda claim: catalog.renew(claim, 60, Progress("training", 2, 3, figures={"loss": 2.5})),
        lambda claim: catalog.finish(claim, Status.DONE, result={"curve": kept(*CURVE), "steps": 3}),
    ]
    claim = claimed(wire.outcrop.services, job)
    seen = 0

    def next_move(body: bytes) -> bool:
        nonlocal seen
        # A silence says that all there was has been told.
        if body.count(b": still here") > seen and moves:
            seen = body.count(b": still here")
            moves.pop(0)(claim)
        return False

    told = events(Watching(wire, f"{PATH}/training/loss", {}).until(next_move))
    assert [kind for _, kind, _ in told] == ["progress", *["point"] * 3, "progress", "point", "point", "end"]
    points = [data for _, kind, data in told if kind == "point"]
    assert points == [plain(point) for point in CURVE]
    assert [data["figures"]["loss"] for _, kind, data in told if kind == "progress"] == [3.0, 2.5]
    assert moves == []


def test_a_client_that_leaves_is_forgotten(wire: Wire, job: Job) -> None:
    claimed(wire.outcrop.services, job)
    for _ in range(70):
        body = Watching(wire, f"{PATH}/training/loss", {}).until(lambda body: True)
    assert events(body) == []


def test_only_so_many_follow_at_once(wire: Wire, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed(wire.outcrop.services, job)
    refusals = []

    def ask_too(body: bytes) -> bool:
        # While the first client is served, from a thread of its own as another client would.
        import threading

        thread = threading.Thread(target=lambda: refusals.append(wire.ask(f"{PATH}/training/loss")))
        thread.start()
        thread.join()
        return True

    taken = wire.server.own.shared.following
    while taken.acquire(blocking=False):
        pass
    taken.release()
    Watching(wire, f"{PATH}/training/loss", {}).until(ask_too)
    refused(refusals[0], 429, "ThrottlingException")
    assert taken.acquire(blocking=False)


def test_a_stream_ends_when_the_client_must_show_its_key_again(
    wire: Wire, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customization_jobs, "PACE", Pace(look=0.01, silence=0.05, longest=0.1))
    claimed(wire.outcrop.services, job)
    answer = wire.ask(f"{PATH}/training/loss")
    assert answer.status == 200
    assert events(answer.body) == []
    assert b": still here" in answer.body


def test_a_stream_ends_with_the_server(wire: Wire, job: Job) -> None:
    claimed(wire.outcrop.services, job)

    def end(body: bytes) -> bool:
        if b": still here" in body:
            wire.server.own.shared.ending.set()
        return False

    assert Watching(wire, f"{PATH}/training/loss", {}).until(end).count(b": still here") == 1


def test_the_run_is_a_document_where_json_is_asked_for(wire: Wire, job: Job) -> None:
    ended(wire, job)
    answer = wire.ask(f"{PATH}/training/loss", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"run": json.loads(json.dumps(plain(wire.outcrop.curve("training"))))}
    assert len(answer.json()["run"]["curve"]) == 5
    assert answer.json()["run"]["diagnosis"].keys() >= {"verdict", "evidence", "advice"}


def test_only_customization_jobs_have_a_loss(runner: IdleRunner, wire: Wire) -> None:
    submitted(wire.outcrop.services, JobKind.EVALUATION, "scores")
    for name in ("scores", "none"):
        refused(wire.ask(f"{PATH}/{name}/loss"), 404, "ResourceNotFoundException")
