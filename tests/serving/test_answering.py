"""Requests that are answered by a stream each: what one does wrong is told to who waits for it."""

from __future__ import annotations

import queue
from collections.abc import Generator
from typing import Any, cast

import pytest

from outcrop.domain.errors import RemoteFailure
from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.domain.records import Message, Role
from outcrop.engines.protocol import Engine
from outcrop.serving.answering import Streams
from outcrop.serving.messages import Answer, Ask, Began, Finished, Held, Refused, Told

PROMPT = Prompt(0, (Message(Role.USER, "Hi"),))


class Failing:
    """An engine whose second piece is an error, unless the prompt is another."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def plan(self, prompts: Any, parameters: GenerationParameters) -> list[Any]:
        return []

    def count(self, prompt: Prompt) -> int:
        return 3

    def stream(self, prompt: Prompt, parameters: GenerationParameters) -> Generator[str, None, Response]:
        yield "He"
        if prompt == PROMPT:
            raise self._error
        yield "llo"
        return Response(0, "Hello", "end_turn", 3, (1, 2))


def told(streams: Streams, came: queue.SimpleQueue[Answer], error: Exception, prompt: Prompt) -> list[Answer]:
    """All that comes of a request."""
    ask = Ask(1, Held("rock", ""), prompt, GenerationParameters())
    streams.add(ask, cast("Engine", Failing(error)))
    found = [came.get(timeout=20)]
    while isinstance(found[-1], Began | Told):
        found.append(came.get(timeout=20))
    return found


@pytest.mark.parametrize("one_at_a_time", [False, True])
@pytest.mark.parametrize(
    ("error", "name", "said"),
    [
        (RemoteFailure("the other server is down"), "RemoteFailure", "the other server is down"),
        (ZeroDivisionError("a mistake"), "ModelFailed", "ZeroDivisionError('a mistake')"),
    ],
)
def test_an_error_in_the_middle_is_told_and_the_next_request_answered(
    error: Exception, name: str, said: str, one_at_a_time: bool
) -> None:
    came: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    streams = Streams(came.put, one_at_a_time=one_at_a_time)
    *_, piece, refused = told(streams, came, error, PROMPT)
    assert isinstance(piece, Told)
    assert piece.piece.text == "He"
    assert isinstance(refused, Refused)
    assert refused.error == name
    assert said in refused.message
    *_, finished = told(streams, came, error, Prompt(0, (Message(Role.USER, "Bye"),)))
    assert isinstance(finished, Finished)
    assert finished.response.text == "Hello"
