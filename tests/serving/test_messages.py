from __future__ import annotations

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.domain.generation import GenerationParameters, Piece, Prompt, Response
from outcrop.domain.records import Message, Role
from outcrop.serving.messages import (
    Answer,
    Ask,
    Began,
    Cancel,
    Count,
    Counted,
    Embed,
    Embedded,
    Finished,
    Held,
    Load,
    Loaded,
    Refused,
    Request,
    Told,
    decode,
    encode,
)

MODEL = Held("rock", "models/abc")
PROMPT = Prompt(0, (Message(Role.SYSTEM, "Be brief.\nVery."), Message(Role.USER, "Grüße \u2028 岩 🏔️")), begun="Well")
EVERY: list[Request | Answer] = [
    Ask(1, MODEL, PROMPT, GenerationParameters(7, 0.5, 0.9, 3, ("\n", "x"), 9)),
    Cancel(2),
    Load(3, MODEL),
    Count(4, MODEL, PROMPT),
    Embed(5, MODEL, ("a", "")),
    Began(6, 12),
    Told(7, Piece("\n岩", 3)),
    Told(7, Piece("half of a sign: \ud83e", 4)),
    Finished(8, Response(0, "a\nb", "stop_sequence", 4, (1, 2), (-0.25, -1.5), 1, 0.5, "x")),
    Loaded(9),
    Counted(10, 3),
    Embedded.of(11, np.array([[0.5, -1], [1e-7, 3]], np.float32), 5),
    Refused(12, "NotSupported", "no"),
]


@pytest.mark.parametrize("message", EVERY, ids=lambda message: type(message).__name__)
def test_a_message_is_one_line_and_comes_back(message: Request | Answer) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode(line) == message


def test_vectors_come_back_as_they_were() -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    message = decode(encode(Embedded.of(1, vectors, 9)))
    assert isinstance(message, Embedded)
    assert (message.vectors == vectors).all()


@pytest.mark.parametrize("line", [b"", b"{}", b'{"is": "Nothing"}', b'{"is": "Ask", "number": 1}', b"\xff"])
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises((KeyError, ValueError, InvalidInput)):
        decode(line)
