"""Requests and answers that the tests of all dialects share."""

from __future__ import annotations

from typing import Any

import pytest

from outcrop.dialects.protocol import Dialect, Timing
from outcrop.domain.errors import InvalidInput
from outcrop.domain.generation import Piece, Response
from outcrop.domain.records import Message, Role

TIMING = Timing(first=0.1206, whole=0.5004)
PIECES = (Piece("Good", 1), Piece(" day", 3))
METRICS = {
    "amazon-bedrock-invocationMetrics": {
        "inputTokenCount": 7,
        "outputTokenCount": 4,
        "invocationLatency": 500,
        "firstByteLatency": 121,
    }
}


def response(stop_reason: str = "end_turn", stop_sequence: str = "") -> Response:
    """ "Good day", four tokens long with its end, to a prompt of seven."""
    return Response(0, "Good day", stop_reason, 7, (1, 2, 3, 4), stop_sequence=stop_sequence)


def whole(dialect: Dialect, answered: Response, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """A whole answer."""
    return dialect.writer(body or {}, "a-model").whole(answered, TIMING)


def stream(dialect: Dialect, answered: Response, body: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """All events of a stream, as they come: ``begin`` is called before the first piece."""
    writer = dialect.writer(body or {}, "a-model")
    begun = writer.begin(answered.prompt_tokens)
    parts = [event for piece in PIECES for event in writer.piece(piece)]
    return [*begun, *parts, *writer.end(answered, TIMING)]


def user(text: str) -> Message:
    return Message(Role.USER, text)


def assistant(text: str) -> Message:
    return Message(Role.ASSISTANT, text)


def system(text: str) -> Message:
    return Message(Role.SYSTEM, text)


def faults(dialect: Dialect, body: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What was found and expected, by member, of a body that can't be read."""
    with pytest.raises(InvalidInput) as raised:
        dialect.read(body)
    assert {(fault.where, fault.line) for fault in raised.value.faults} == {("body", None)}
    return {fault.field: (fault.found, fault.expected) for fault in raised.value.faults}
