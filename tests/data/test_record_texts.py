from __future__ import annotations

from typing import Any

import pytest

from outcrop.data.reading import Line
from outcrop.data.record_texts import normalised, record_text
from outcrop.domain.errors import Fault


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (" Two\tWORDS \n", "two words"),
        ("Cafe\u0301 STRASSE", "café strasse"),
        ("straße", "strasse"),
        ("a\u00a0b\u3000c", "a b c"),
        # Folding takes this letter apart; it is put together again.
        ("\u01f0", "\u01f0"),
    ],
)
def test_normalised(text: str, wanted: str) -> None:
    assert normalised(text) == wanted


@pytest.mark.parametrize(
    "value",
    [
        {"prompt": "Who?", "completion": "Me."},
        {"completion": "Me.", "prompt": "Who?", "id": "7", "category": "x", "meta": {"by": "Ann"}},
        {"prompt": "Who?", "referenceResponse": "Me."},
        {"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}]},
        {
            "schemaVersion": "bedrock-conversation-2024",
            "messages": [
                {"role": "user", "content": [{"text": "Who?"}]},
                {"role": "assistant", "content": [{"text": "Me."}]},
            ],
        },
        {"instruction": "Who?", "input": "", "output": "Me."},
        {"conversations": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Me."}]},
        # Of no known field, all texts.
        {"a": "Who?", "b": {"c": ["Me.", 3, None]}},
    ],
)
def test_what_is_said_is_the_same_in_every_format(value: dict[str, Any]) -> None:
    assert record_text(Line(1, value), (), "f") == "who? me."


def test_named_fields() -> None:
    line = Line(4, {"prompt": "Who?", "meta": {"note": ["A", "b"]}})
    assert record_text(line, ("meta.note", "prompt"), "f") == "a b who?"
    assert record_text(line, ("meta.none",), "f") == Fault(
        "f", 4, "meta.none", "no such field", "a field with a text, which --text names"
    )
