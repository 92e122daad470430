"""Server-sent events: one line of data each, whatever signs a text has."""

from __future__ import annotations

import json

import pytest

from outcrop.server.events import event


@pytest.mark.parametrize(
    "text", ["", "a\nb\r\nc", "\u2028\u2029\x85\x0b\x0c\x1c", "岩 🪨", "\ud83e", "data: [DONE]\n\n"]
)
def test_an_event_is_one_line_for_every_client(text: str) -> None:
    written = event({"text": text}).decode()
    assert written.endswith("\n\n")
    # Some clients take every end of a line that Unicode knows for one.
    (line,) = written.removesuffix("\n\n").splitlines()
    assert json.loads(line.removeprefix("data: ")) == {"text": text}


def test_an_event_may_have_a_kind_and_an_id() -> None:
    assert event([1], kind="point", id="3") == b"id: 3\nevent: point\ndata: [1]\n\n"


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        event({"loss": float("nan")})
