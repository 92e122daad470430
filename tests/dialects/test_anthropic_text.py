from __future__ import annotations

import pytest

from outcrop.dialects.anthropic_text import ANTHROPIC_TEXT
from outcrop.domain.generation import GenerationParameters, Prompt
from tests.dialects.samples import METRICS, faults, response, stream, user, whole


def test_a_body_with_all_it_can_say() -> None:
    body = {
        "prompt": "\n\nHuman: Hi\n\nAssistant: So",
        "max_tokens_to_sample": 64,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["\n\nHuman:"],
        "anthropic_version": "bedrock-2023-05-31",
        "seed": 3,
    }
    asked = ANTHROPIC_TEXT.read(body)
    assert asked.prompt == Prompt(0, (user("Hi"),), begun="So")
    assert asked.parameters == GenerationParameters(64, 0.5, 0.9, 5, ("\n\nHuman:",), 3)


def test_what_is_needed_and_what_is_usual() -> None:
    assert set(faults(ANTHROPIC_TEXT, {})) == {"prompt", "max_tokens_to_sample"}
    parameters = ANTHROPIC_TEXT.read({"prompt": "Hi", "max_tokens_to_sample": 9}).parameters
    assert (parameters.temperature, parameters.top_p, parameters.top_k) == (1.0, 1.0, 250)


@pytest.mark.parametrize(
    ("reason", "stop", "words"),
    [
        ("end_turn", "", ("stop_sequence", "\n\nHuman:")),
        ("stop_sequence", "###", ("stop_sequence", "###")),
        ("max_tokens", "", ("max_tokens", None)),
    ],
)
def test_a_whole_answer(reason: str, stop: str, words: tuple[str, str | None]) -> None:
    expected = {"type": "completion", "completion": "Good day", "stop_reason": words[0], "stop": words[1]}
    assert whole(ANTHROPIC_TEXT, response(reason, stop)) == expected


def test_a_stream() -> None:
    assert stream(ANTHROPIC_TEXT, response("max_tokens")) == [
        {"type": "completion", "completion": "Good", "stop_reason": None, "stop": None},
        {"type": "completion", "completion": " day", "stop_reason": None, "stop": None},
        {"type": "completion", "completion": "", "stop_reason": "max_tokens", "stop": None} | METRICS,
    ]
