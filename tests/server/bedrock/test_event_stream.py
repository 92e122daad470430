from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.eventstream import EventStream, EventStreamBuffer
from botocore.exceptions import EventStreamError
from botocore.parsers import EventStreamJSONParser
from hypothesis import given
from hypothesis import strategies as st

from outcrop.server.bedrock.event_stream import exception_frame, frame

#: Put together by hand, its checksums by a plain bitwise CRC-32.
CHUNK = bytes.fromhex(
    "0000005d 0000004b 44af4c0b"  # 93 bytes, 75 of them headers
    "0b 3a6576656e742d74797065 07 0005 6368756e6b"  # :event-type chunk
    "0d 3a636f6e74656e742d74797065 07 0010 6170706c69636174696f6e2f6a736f6e"  # :content-type application/json
    "0d 3a6d6573736167652d74797065 07 0005 6576656e74"  # :message-type event
    "7b7d"
    "ff8b8869"
)


class _Raw:
    def __init__(self, frames: bytes) -> None:
        self._frames = frames

    def stream(self) -> Iterator[bytes]:
        yield from (self._frames[begin : begin + 7] for begin in range(0, len(self._frames), 7))


def read(frames: bytes) -> EventStream:
    """Frames as a client of boto3's reads the answer to ConverseStream."""
    service = botocore.session.get_session().get_service_model("bedrock-runtime")
    shape = service.operation_model("ConverseStream").output_shape.members["stream"]
    return EventStream(_Raw(frames), shape, EventStreamJSONParser(), "ConverseStream")


def test_a_frame_is_the_one_that_was_put_together_by_hand() -> None:
    assert frame("chunk", b"{}") == CHUNK


@given(st.lists(st.tuples(st.text(max_size=40), st.binary(max_size=300)), max_size=5), st.integers(1, 50))
def test_botocore_reads_what_was_framed_whatever_pieces_it_comes_in(events: list[Any], size: int) -> None:
    frames = b"".join(frame(name, payload) for name, payload in events)
    buffer = EventStreamBuffer()
    found = []
    for begin in range(0, len(frames), size):
        buffer.add_data(frames[begin : begin + size])
        found += [(message.headers[":event-type"], message.payload) for message in buffer]
    assert found == events


def test_events_come_out_as_boto3_gives_them() -> None:
    events: list[dict[str, Any]] = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "Zoë"}, "contentBlockIndex": 0}},
    ]
    named = [next(iter(event.items())) for event in events]
    assert list(read(b"".join(frame(name, json.dumps(value).encode()) for name, value in named))) == events


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("ThrottlingException", "throttlingException"),
        ("ModelStreamErrorException", "modelStreamErrorException"),
        ("InternalServerException", "internalServerException"),
    ],
)
def test_an_error_in_mid_stream_is_raised_by_boto3_under_its_name(code: str, named: str) -> None:
    start = frame("messageStart", b'{"role": "assistant"}')
    stream = iter(read(start + exception_frame(code, "too many at once: “später”")))
    assert next(stream) == {"messageStart": {"role": "assistant"}}
    with pytest.raises(EventStreamError) as raised:
        next(stream)
    assert raised.value.response["Error"] == {"Code": named, "Message": "too many at once: “später”"}
