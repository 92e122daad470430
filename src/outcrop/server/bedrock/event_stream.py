"""Frames of AWS's event streams (``application/vnd.amazon.eventstream``), which carry the parts of an answer.

A frame is the length of all of it, the length of its headers, the CRC-32 of both, the headers, the payload, and the
CRC-32 of all before; numbers are of 32 bits, the highest byte first.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_TEXT = 7
"""The type of a header's value; no other is used."""


def frame(event_type: str, payload: bytes) -> bytes:
    """The frame of an event, such as ``contentBlockDelta`` or ``chunk``; the payload is JSON."""
    return _frame({":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception_frame(code: str, message: str) -> bytes:
    """The frame of an error in the middle of a stream, after which nothing comes.

    Args:
        code: The error's, such as ``ThrottlingException``; a stream names it in camel case.
        message: What the client is told.
    """
    named = code[:1].lower() + code[1:]
    headers = {":exception-type": named, ":content-type": "application/json", ":message-type": "exception"}
    return _frame(headers, json.dumps({"message": message}).encode())


def _frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    packed = b"".join(_header(name, value) for name, value in headers.items())
    lengths = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    begun = b"".join((lengths, struct.pack("!I", crc32(lengths)), packed, payload))
    return begun + struct.pack("!I", crc32(begun))


def _header(name: str, value: str) -> bytes:
    written = value.encode()
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", _TEXT, len(written)) + written
