"""Reading answers as their clients do, whatever they are: a document, frames of an event stream, or events."""

from __future__ import annotations

import json
from typing import Any

from botocore.eventstream import EventStreamBuffer

from tests.server.wire import Answer


def documents(answer: Answer) -> list[Any]:
    """The documents that an answer holds; it is whole, and nothing else is in it."""
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == "application/vnd.amazon.eventstream":
        return _framed(answer.body)
    if kind == "text/event-stream":
        return _events(answer.body)
    assert kind == "application/json"
    return [json.loads(answer.body)]


def _framed(body: bytes) -> list[Any]:
    """The payloads of frames, whose checksums botocore looks at; an exception comes last."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    messages = list(buffer)
    assert sum(message.prelude.total_length for message in messages) == len(body)
    kinds = [message.headers[":message-type"] for message in messages]
    assert set(kinds[:-1]) <= {"event"}
    assert kinds[-1] in ("event", "exception")
    return [json.loads(message.payload) for message in messages]


def _events(body: bytes) -> list[Any]:
    """The data of server-sent events, of which the last is OpenAI's end, or an error."""
    *events, rest = body.decode("ascii").split("\n\n")
    assert rest == ""
    assert all(event.startswith("data: ") and "\n" not in event for event in events)
    data = [event.removeprefix("data: ") for event in events]
    found = [json.loads(each) for each in data if each != "[DONE]"]
    assert (data[-1] == "[DONE]" and len(found) == len(data) - 1) or "error" in found[-1]
    return found
