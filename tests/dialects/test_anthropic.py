from __future__ import annotations

from typing import Any

import pytest

from outcrop.dialects.anthropic import ANTHROPIC
from outcrop.domain.generation import GenerationParameters, Prompt
from tests.dialects.samples import METRICS, assistant, faults, response, stream, system, user, whole

VERSION = {"anthropic_version": "bedrock-2023-05-31"}


def asking(**more: Any) -> dict[str, Any]:
    return {**VERSION, "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}], **more}


def test_a_body_with_all_it_can_say() -> None:
    more = {"temperature": 0.2, "top_p": 1, "top_k": 5, "stop_sequences": ["\n"], "seed": 3}
    asked = ANTHROPIC.read(asking(system="Be brief", metadata={"user_id": "me"}, **more))
    assert asked.prompt == Prompt(0, (system("Be brief"), user("Hi")))
    assert asked.parameters == GenerationParameters(64, 0.2, 1.0, 5, ("\n",), 3)


def test_what_is_left_out_is_as_usual() -> None:
    parameters = ANTHROPIC.read(asking()).parameters
    assert (parameters.temperature, parameters.top_p, parameters.top_k, parameters.stop) == (1.0, 0.999, 0, ())


def test_blocks_are_joined_and_the_last_words_of_the_assistant_begin_the_response() -> None:
    blocks = [{"type": "text", "text": "1"}, {"type": "text", "text": "2", "cache_control": {"type": "ephemeral"}}]
    messages = [
        {"role": "user", "content": blocks},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": "4"},
        {"role": "assistant", "content": [{"type": "text", "text": "{ "}]},
    ]
    asked = ANTHROPIC.read(asking(messages=messages, system=[{"type": "text", "text": "Be brief"}]))
    assert asked.prompt == Prompt(0, (system("Be brief"), user("1\n2"), assistant("3"), user("4")), begun="{ ")


@pytest.mark.parametrize("nothing", ["", [], None])
def test_a_system_text_that_says_nothing_is_none(nothing: object) -> None:
    assert ANTHROPIC.read(asking(system=nothing)).prompt.messages == (user("Hi"),)


def test_what_is_needed() -> None:
    assert set(faults(ANTHROPIC, {})) == {"anthropic_version", "max_tokens", "messages"}


@pytest.mark.parametrize(
    ("more", "member", "expected"),
    [
        ({"anthropic_version": "2023-06-01"}, "anthropic_version", '"bedrock-2023-05-31"'),
        ({"tools": [{"name": "a"}]}, "tools", "the member left out: models here do not call tools yet"),
        (
            {"thinking": {"type": "enabled"}},
            "thinking",
            "the member left out: reasoning is not told apart from the response",
        ),
        ({"stop_sequences": ["a", ""]}, "stop_sequences[1]", "a text that is not empty"),
        ({"stop_sequences": "a"}, "stop_sequences", "a list of at most 2500 texts"),
        ({"top_k": 501}, "top_k", "a whole number, 0 to 500"),
        ({"system": 5}, "system", "a text that is not blank"),
        ({"seed": -1}, "seed", "a whole number, 0 to 2147483647"),
        ({"stream": True}, "stream", '"system", the closest known field'),
        ({"messages": []}, "messages", "a list of messages by user and assistant in turns, the user first"),
        ({"messages": ["Hi"]}, "messages[0]", "a JSON object"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], member: str, expected: str) -> None:
    assert faults(ANTHROPIC, asking(**more))[member][1] == expected


def test_messages_that_are_wrong() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "…"}}
    messages = [
        {"role": "assistant", "content": [image, {"type": "text", "text": ""}]},
        {"role": "user", "content": []},
        {"role": "user", "content": "Hi", "name": "me"},
    ]
    found = faults(ANTHROPIC, asking(messages=messages))
    assert found == {
        "messages[0].role": ('"assistant"', '"user": user and assistant in turns, the user first'),
        "messages[0].content[0].type": ('"image"', '"text": models here read and write texts alone'),
        "messages[0].content[1].text": ('"", which is blank', "a text that is not blank"),
        "messages[1].content": ("a list of 0", 'a list of {"type": "text", "text": "…"}'),
        "messages[2].role": ('"user"', '"assistant": user and assistant in turns, the user first'),
        "messages[2].name": ('an unknown member "name"', 'only "role", "content"'),
    }


@pytest.mark.parametrize(("reason", "stop"), [("end_turn", ""), ("max_tokens", ""), ("stop_sequence", "\n")])
def test_a_whole_answer(reason: str, stop: str) -> None:
    answer = whole(ANTHROPIC, response(reason, stop))
    assert answer.pop("id").startswith("msg_bdrk_")
    assert answer == {
        "type": "message",
        "role": "assistant",
        "model": "a-model",
        "content": [{"type": "text", "text": "Good day"}],
        "stop_reason": reason,
        "stop_sequence": stop or None,
        "usage": {"input_tokens": 7, "output_tokens": 4},
    }


def test_a_stream() -> None:
    start, *rest = stream(ANTHROPIC, response("stop_sequence", "\n"))
    assert start["message"].pop("id").startswith("msg_bdrk_")
    assert start == {
        "type": "message_start",
        "message": {
            "type": "message",
            "role": "assistant",
            "model": "a-model",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 7, "output_tokens": 0},
        },
    }
    assert rest == [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Good"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " day"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "stop_sequence", "stop_sequence": "\n"},
            "usage": {"output_tokens": 4},
        },
        {"type": "message_stop"} | METRICS,
    ]
