"""How a model's answer reaches a client that reads slowly, or leaves, and comes from whatever thread tells it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from anyio import CapacityLimiter

from outcrop.dialects.choosing import usual_of
from outcrop.dialects.converse import Converse
from outcrop.dialects.protocol import Inference
from outcrop.domain.deployments import Deployment
from outcrop.domain.errors import ModelFailed, OutcropError, Throttled
from outcrop.domain.generation import GenerationParameters, Piece, Prompt
from outcrop.domain.models import Model
from outcrop.domain.records import Message, Role
from outcrop.server.answer import ModelAnswer
from outcrop.server.bedrock.framing import ConverseFraming
from outcrop.server.model_requests import ModelRequest, Target
from outcrop.serving.messages import Answer, Began, Finished, Told
from outcrop.serving.process import Sink
from outcrop.serving.serving import Serving
from outcrop.testing.catalogs import a_model
from tests.server.serving_double import PIECES, RESPONSE, ServingDouble

#: Longer than anything takes here; a test that waits so long has failed.
PATIENCE = 20

#: What a model tells, part by part.
TOLD: tuple[Answer, ...] = (
    Began(1, 7),
    *(Told(1, Piece(text, place)) for place, text in enumerate(PIECES, 1)),
    Finished(1, RESPONSE),
)


@dataclass
class Quiet(ServingDouble):
    """Takes requests, and tells nothing until the test does."""

    sinks: list[Sink] = field(default_factory=list)

    def ask(
        self,
        model: Model,
        prompt: Prompt,
        parameters: GenerationParameters,
        sink: Sink,
        deployment: Deployment | None = None,
    ) -> Callable[[], None]:
        """See ``Serving.ask``."""
        self.sinks.append(sink)
        return self._leave

    def tell(self, *answers: Answer | OutcropError, which: int = 0) -> None:
        """What a worker's thread does when something has come."""
        for answer in answers:
            self.sinks[which](answer)


@dataclass
class Client:
    """Who asked: what it was sent, when it leaves, and whether it reads."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    leaves_after: int | None = None

    def __post_init__(self) -> None:
        self.reads.set()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if len(self.sent) == self.leaves_after:
            self.left.set()
        await self.reads.wait()

    @property
    def statuses(self) -> list[int]:
        """Those of the answers that began: one at most."""
        return [message["status"] for message in self.sent if message["type"] == "http.response.start"]

    @property
    def body(self) -> bytes:
        """What has come of the body."""
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def ended(self) -> bool:
        """Whether the answer is whole."""
        return bool(self.sent) and not self.sent[-1].get("more_body", self.sent[-1]["type"] != "http.response.body")


def request(*, stream: bool) -> ModelRequest:
    """A request in Converse's words."""
    wording = Converse(usual_of(""))
    operation = "ConverseStream" if stream else "Converse"
    return ModelRequest(
        operation=operation,
        asked="base",
        target=Target(a_model(), None, ""),
        body={},
        inference=Inference(Prompt(0, (Message(Role.USER, "Hi"),)), GenerationParameters()),
        writer=wording.writer({}, "base"),
        framing=ConverseFraming(operation),
        stream=stream,
    )


def begin(serving: ServingDouble, client: Client, *, stream: bool = True) -> asyncio.Task[None]:
    """Answer a request while the test goes on."""
    answer = ModelAnswer(cast("Serving", serving), request(stream=stream), time.perf_counter(), CapacityLimiter(1))
    called = answer({"type": "http"}, cast("Any", client.receive), cast("Any", client.send))
    return asyncio.ensure_future(called)


async def until(true: Callable[[], object]) -> None:
    """Wait for what happens elsewhere."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.005)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test in a loop of its own, which is closed after that."""

    async def patiently() -> None:
        async with asyncio.timeout(PATIENCE):
            await test()

    asyncio.run(patiently())


@pytest.mark.parametrize("stream", [True, False])
def test_who_leaves_before_the_first_text_frees_the_place(stream: bool) -> None:
    async def test() -> None:
        serving, client = Quiet(), Client()
        answering = begin(serving, client, stream=stream)
        await until(lambda: serving.sinks)
        serving.tell(TOLD[0])
        client.left.set()
        await answering
        assert (serving.left, client.sent) == (1, [])
        serving.tell(*TOLD[1:])
        await asyncio.sleep(0.02)
        assert client.sent == []

    run(test)


def test_who_leaves_in_mid_stream_frees_the_place() -> None:
    async def test() -> None:
        serving, client = Quiet(), Client()
        answering = begin(serving, client)
        await until(lambda: serving.sinks)
        serving.tell(*TOLD[:2])
        await until(lambda: len(client.sent) == 2)
        assert PIECES[0].encode() in client.body
        assert serving.left == 0
        client.left.set()
        await answering
        assert serving.left == 1
        serving.tell(*TOLD[2:])
        await asyncio.sleep(0.02)
        assert len(client.sent) == 2

    run(test)


def test_who_left_gets_nothing_of_what_has_been_told_already() -> None:
    async def test() -> None:
        serving, client = ServingDouble(pieces=("a",) * 100), Client(leaves_after=2)
        await begin(serving, client)
        assert len(client.sent) == 2
        assert serving.left == 1

    run(test)


def test_who_left_while_a_process_was_started_frees_the_place() -> None:
    async def test() -> None:
        started = threading.Event()

        class Starting(Quiet):
            def ask(self, *arguments: Any, **named: Any) -> Callable[[], None]:
                started.wait(PATIENCE)
                return super().ask(*arguments, **named)

        serving, client = Starting(), Client()
        answering = begin(serving, client)
        client.left.set()
        await asyncio.sleep(0.02)
        assert not answering.done()
        started.set()
        await answering
        assert (serving.left, client.sent) == (1, [])

    run(test)


def test_a_slow_reader_does_not_slow_the_others() -> None:
    async def test() -> None:
        serving, slow, quick = Quiet(), Client(), Client()
        slow.reads.clear()
        first = begin(serving, slow)
        await until(lambda: len(serving.sinks) == 1)
        second = begin(serving, quick)
        await until(lambda: len(serving.sinks) == 2)
        # The thread that tells never waits for who reads, or the second would get nothing.
        serving.tell(*TOLD, which=0)
        serving.tell(*TOLD, which=1)
        await second
        assert (quick.ended, len(slow.sent), first.done()) == (True, 1, False)
        slow.reads.set()
        await first
        assert slow.ended
        assert slow.body.count(b"contentBlockDelta") == quick.body.count(b"contentBlockDelta") == len(PIECES)

    run(test)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("error", "status"), [(Throttled("enough"), 429), (ModelFailed("it ended"), 424)])
def test_an_error_before_the_first_text_has_its_own_status(stream: bool, error: OutcropError, status: int) -> None:
    async def test() -> None:
        serving, client = Quiet(), Client()
        answering = begin(serving, client, stream=stream)
        await until(lambda: serving.sinks)
        serving.tell(TOLD[0], error)
        await answering
        assert client.statuses == [status]
        assert json.loads(client.body) == {"message": str(error)}
        assert client.ended
        assert serving.left == 1

    run(test)


def test_an_error_when_a_model_is_asked_has_its_own_status() -> None:
    async def test() -> None:
        serving, client = ServingDouble(refuses=Throttled("enough")), Client()
        await begin(serving, client)
        assert client.statuses == [429]
        # There was no place to free.
        assert serving.left == 0

    run(test)


def test_an_error_in_mid_stream_ends_the_stream() -> None:
    async def test() -> None:
        serving, client = Quiet(), Client()
        answering = begin(serving, client)
        await until(lambda: serving.sinks)
        serving.tell(*TOLD[:2])
        await until(lambda: client.statuses)
        serving.tell(ModelFailed("it ended"))
        await answering
        assert client.statuses == [200]
        assert client.ended
        assert b"modelStreamErrorException" in client.sent[-1]["body"]
        assert serving.left == 1

    run(test)


@pytest.mark.parametrize("stream", [True, False])
def test_it_comes_from_another_thread(stream: bool) -> None:
    async def test() -> None:
        serving, client = Quiet(), Client()
        answering = begin(serving, client, stream=stream)
        await until(lambda: serving.sinks)
        telling = threading.Thread(target=serving.tell, args=TOLD)
        telling.start()
        await answering
        telling.join()
        assert client.statuses == [200]
        assert client.ended
        if not stream:
            assert json.loads(client.body)["output"]["message"]["content"] == [{"text": RESPONSE.text}]

    run(test)


@pytest.mark.parametrize("answers", [TOLD, (ModelFailed("it is being unloaded"),)])
def test_what_comes_when_the_server_has_ended_goes_nowhere(answers: tuple[Answer | OutcropError, ...]) -> None:
    serving, client = Quiet(), Client()

    async def test() -> None:
        begin(serving, client)
        await until(lambda: serving.sinks)

    run(test)
    assert serving.left == 1
    # The loop is closed, and the worker's thread does not know; an error would end it, and all that it tells.
    telling = threading.Thread(target=serving.tell, args=answers)
    telling.start()
    telling.join()
    serving.tell(*answers)
    assert client.sent == []
