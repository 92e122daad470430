"""Chat completions: what a body asks, and answers that OpenAI's own types take."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)

from outcrop.domain.errors import InvalidInput, ModelFailed
from outcrop.domain.generation import Piece
from outcrop.domain.records import Message, Role
from outcrop.server.openai.chat import read_chat
from tests.server.openai.double import PIECES, RESPONSE, TIMING, Double, ended, strictly

ASK = [{"role": "user", "content": "What is basalt?"}]
USAGE = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "rock", "messages": ASK, **changes}


def faults(given: dict[str, Any]) -> dict[str, str]:
    """What is wrong with a body: what was expected, by the member."""
    with pytest.raises(InvalidInput) as refused:
        read_chat(given)
    return {fault.field: str(fault) for fault in refused.value.faults}


def test_a_body_that_says_little_gets_what_is_usual() -> None:
    asked = read_chat(body())
    assert (asked.model, asked.stream) == ("rock", False)
    assert asked.inference.prompt.messages == (Message(Role.USER, "What is basalt?"),)
    assert (asked.inference.prompt.number, asked.inference.prompt.chat, asked.inference.prompt.begun) == (0, True, "")
    wanted = asked.inference.parameters
    assert (wanted.max_tokens, wanted.temperature, wanted.top_p, wanted.top_k, wanted.stop) == (512, 1.0, 1.0, 0, ())
    assert wanted.faults() == []


def test_a_body_without_a_seed_gets_another_each_time() -> None:
    assert len({read_chat(body()).inference.parameters.seed for _ in range(8)}) > 1
    assert len({read_chat(body()).writer.begin(1)[0]["id"] for _ in range(8)}) == 8


@pytest.mark.parametrize(
    ("member", "value", "name", "wanted"),
    [
        ("max_tokens", 5, "max_tokens", 5),
        ("max_completion_tokens", 5, "max_tokens", 5),
        ("temperature", 0, "temperature", 0.0),
        ("temperature", 2, "temperature", 2.0),
        ("top_p", 0.5, "top_p", 0.5),
        ("top_k", 3, "top_k", 3),
        ("top_k", -1, "top_k", 0),
        ("seed", 7, "seed", 7),
        ("seed", 2**31 + 7, "seed", 7),
        ("seed", -1, "seed", 2**31 - 1),
        ("stop", "end", "stop", ("end",)),
        ("stop", ["a", "b", "c", "d"], "stop", ("a", "b", "c", "d")),
        ("stop", [], "stop", ()),
        ("stop", None, "stop", ()),
    ],
)
def test_how_it_is_to_write(member: str, value: object, name: str, wanted: object) -> None:
    parameters = read_chat(body(**{member: value})).inference.parameters
    assert getattr(parameters, name) == wanted
    assert parameters.faults() == []


def test_top_p_of_nothing_is_the_likeliest_token() -> None:
    parameters = read_chat(body(top_p=0)).inference.parameters
    # The likeliest of any vocabulary has more than a millionth.
    assert 0 < parameters.top_p < 1e-6
    assert parameters.faults() == []


def test_both_lengths_must_agree() -> None:
    assert read_chat(body(max_tokens=5, max_completion_tokens=5)).inference.parameters.max_tokens == 5
    assert "max_tokens 6" in faults(body(max_tokens=6, max_completion_tokens=5))["max_completion_tokens"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("model", None),
        ("model", ""),
        ("model", 5),
        ("model", "a\nb"),
        ("model", "\ud800"),
        ("model", "a" * 2049),
        ("max_tokens", 0),
        ("max_tokens", 2.5),
        ("max_tokens", True),
        ("max_tokens", 10**400),
        ("max_completion_tokens", "5"),
        ("temperature", 2.1),
        ("temperature", -1),
        ("temperature", "hot"),
        ("temperature", float("nan")),
        ("temperature", 10**400),
        ("top_p", 1.5),
        ("top_k", -2),
        ("seed", 2**63),
        ("stop", ["a"] * 5),
        ("stop", ""),
        ("stop", {}),
        ("stream", 1),
        ("messages", []),
        ("messages", "hi"),
        ("messages", None),
        ("messages", [{"role": "user", "content": ""}]),
        ("messages", [{"role": "assistant", "content": "I"}]),
        ("n", 2),
        ("n", True),
        ("tools", [{"type": "function"}]),
        ("functions", [{}]),
        ("tool_choice", "required"),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "json_schema", "json_schema": {}}),
        ("logprobs", True),
        ("top_logprobs", 2),
        ("logit_bias", {"5": 1}),
        ("presence_penalty", 0.5),
        ("frequency_penalty", -2),
        ("audio", {"voice": "a"}),
        ("modalities", ["text", "audio"]),
        ("prediction", {}),
        ("reasoning_effort", "high"),
        ("verbosity", "low"),
        ("web_search_options", {}),
    ],
)
def test_what_is_wrong_is_said_by_its_member(member: str, value: object) -> None:
    assert list(faults(body(**{member: value}))) == [member]


@pytest.mark.parametrize("member", ["n", "tools", "response_format", "logprobs", "logit_bias", "audio", "functions"])
def test_what_is_not_supported_is_called_so(member: str) -> None:
    assert "not supported" in faults(body(**{member: ["no value of it"]}))[member]


@pytest.mark.parametrize(
    "silent",
    [
        {"n": 1, "logprobs": False, "top_logprobs": 0, "presence_penalty": 0, "frequency_penalty": 0.0},
        {"logit_bias": {}, "tools": [], "functions": [], "tool_choice": "none", "response_format": {"type": "text"}},
        {"user": "u", "metadata": {"a": "b"}, "store": True, "service_tier": "auto", "modalities": ["text"]},
        {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
    ],
)
def test_what_asks_for_nothing_else_is_taken(silent: dict[str, Any]) -> None:
    assert read_chat(body(**silent)).inference.prompt == read_chat(body()).inference.prompt


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = {"messages": [{"role": "judge", "content": 5}, 6], "temperature": 9, "n": 3, "temprature": 1}
    found = faults({"model": "rock", **wrong})
    assert set(found) == {"messages[0].role", "messages[0].content", "messages[1]", "temperature", "n", ""}
    assert '"temperature", the closest known one' in found[""]


def test_a_body_full_of_faults_costs_no_more_than_it_must() -> None:
    many = [{"role": "user", "content": None} for _ in range(10_000)]
    with pytest.raises(InvalidInput) as refused:
        read_chat({"model": "rock", "messages": many} | {f"x{number}": 1 for number in range(10_000)})
    assert len(refused.value.faults) == 1000
    assert refused.value.total == 10_000 + 20
    assert list(faults(body(messages=[5] * 10_001))) == ["messages"]
    parts = {"role": "user", "content": [{"type": "text", "text": "a"}] * 3333}
    assert read_chat(body(messages=[parts] * 2)).inference.prompt.messages
    assert list(faults(body(messages=[parts] * 3))) == ["messages[2].content"]


def test_options_of_a_stream_want_a_stream() -> None:
    assert list(faults(body(stream_options={"include_usage": True}))) == ["stream_options"]
    found = faults(body(stream=True, stream_options={"include_usage": 1, "other": 2}))
    assert set(found) == {"stream_options.include_usage", "stream_options"}


# conversations


def test_texts_in_lists_are_lines() -> None:
    parts = [{"type": "text", "text": "What is"}, {"type": "text", "text": "basalt?"}]
    asked = read_chat(body(messages=[{"role": "user", "content": parts, "name": "Ada"}]))
    assert asked.inference.prompt.messages == (Message(Role.USER, "What is\nbasalt?"),)


def test_messages_of_one_role_in_a_row_are_one() -> None:
    given = [
        ("system", "Be short."),
        ("developer", "Be kind."),
        ("user", "Hello."),
        ("user", ""),
        ("user", "What is basalt?"),
        ("assistant", "A rock."),
        ("user", "And tuff?"),
    ]
    asked = read_chat(body(messages=[{"role": role, "content": text} for role, text in given]))
    assert asked.inference.prompt.messages == (
        Message(Role.SYSTEM, "Be short.\n\nBe kind."),
        Message(Role.USER, "Hello.\n\nWhat is basalt?"),
        Message(Role.ASSISTANT, "A rock."),
        Message(Role.USER, "And tuff?"),
    )


def test_a_last_message_of_the_assistants_begins_the_response() -> None:
    prompt = read_chat(body(messages=[*ASK, {"role": "assistant", "content": "It is"}])).inference.prompt
    assert (prompt.begun, prompt.messages) == ("It is", (Message(Role.USER, "What is basalt?"),))


def test_a_message_may_come_back_as_it_was_sent(double: Double) -> None:
    client = double.client()
    first = client.chat.completions.create(model="rock", messages=[{"role": "user", "content": "Hi"}])
    said = first.choices[0].message
    client.chat.completions.create(model="rock", messages=[*ASK, said, *ASK])  # type: ignore[list-item]
    assert double.asked[-1].inference.prompt.messages[1] == Message(Role.ASSISTANT, RESPONSE.text)
    dumped = read_chat(body(messages=[*ASK, said.model_dump(), *ASK]))
    assert dumped.inference.prompt == double.asked[-1].inference.prompt


@pytest.mark.parametrize(
    ("message", "member"),
    [
        ({"role": "tool", "content": "5", "tool_call_id": "a"}, "role"),
        ({"role": ["user"], "content": "5"}, "role"),
        ({"role": "assistant", "content": "", "tool_calls": [{}]}, "tool_calls"),
        ({"role": "assistant", "content": None}, "content"),
        ({"role": "user", "content": []}, "content"),
        ({"role": "user", "content": "\ud83d"}, "content"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}, "content[0].type"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, "content[0].text"),
        ({"role": "user", "content": ["text"]}, "content[0]"),
        ({"role": "user", "content": "a", "weight": 1}, ""),
    ],
)
def test_messages_that_no_model_takes(message: dict[str, Any], member: str) -> None:
    assert list(faults(body(messages=[*ASK, message, *ASK]))) == [f"messages[1].{member}".rstrip(".")]


# answers


def test_every_member_of_the_official_client_is_answered_on_purpose() -> None:
    members = {
        *CompletionCreateParamsNonStreaming.__annotations__,
        *CompletionCreateParamsStreaming.__annotations__,
    }
    assert len(members) > 30
    with pytest.raises(InvalidInput) as refused:
        read_chat(dict.fromkeys(members, 5.5))
    assert [str(fault) for fault in refused.value.faults if "unknown" in str(fault)] == []


@pytest.mark.parametrize(("ends", "says"), [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length")])
def test_a_whole_answer(ends: str, says: str) -> None:
    document = read_chat(body()).writer.whole(ended(ends), TIMING)
    answer = strictly(ChatCompletion, document)
    assert answer.id.startswith("chatcmpl-")
    assert (answer.object, answer.model) == ("chat.completion", "rock")
    assert abs(answer.created - time.time()) < 60
    (choice,) = answer.choices
    assert (choice.index, choice.finish_reason, choice.message.role) == (0, says, "assistant")
    assert choice.message.content == RESPONSE.text
    assert document["usage"] == USAGE


@pytest.mark.parametrize("include_usage", [False, True])
def test_a_stream(include_usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    asked = read_chat(body(stream=True, **options))
    writer = asked.writer
    documents = [*writer.begin(7), *(one for text in PIECES for one in writer.piece(Piece(text, 1)))]
    documents += writer.end(ended("max_tokens"), TIMING)
    chunks = [strictly(ChatCompletionChunk, document) for document in documents]
    assert asked.stream
    assert len({(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks}) == 1
    spoken = chunks[:-1] if include_usage else chunks
    assert spoken[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in spoken) == RESPONSE.text
    assert [chunk.choices[0].finish_reason for chunk in spoken] == [None] * 4 + ["length"]
    if include_usage:
        assert [document["usage"] for document in documents] == [None] * 5 + [USAGE]
        assert chunks[-1].choices == []
    else:
        assert not any("usage" in document for document in documents)


# the official client


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
def test_the_official_client(double: Double, prefix: str) -> None:
    client = double.client(prefix=prefix)
    answer = client.chat.completions.create(
        model="rock", messages=[{"role": "user", "content": "Hi"}], temperature=0, extra_body={"top_k": 5}
    )
    assert answer.choices[0].message.content == RESPONSE.text
    assert answer.usage is not None
    assert answer.usage.total_tokens == 11
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")
    parameters = double.asked[-1].inference.parameters
    assert (parameters.temperature, parameters.top_k) == (0.0, 5)


def test_the_official_client_reads_a_stream(double: Double) -> None:
    chunks = list(
        double.client().chat.completions.create(
            model="rock",
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == RESPONSE.text
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4
    assert double.sent.endswith(b"data: [DONE]\n\n")


def test_the_official_client_gathers_a_stream(double: Double) -> None:
    with double.client().chat.completions.stream(model="rock", messages=[{"role": "user", "content": "Hi"}]) as stream:
        assert stream.get_final_completion().choices[0].message.content == RESPONSE.text


def test_an_error_in_mid_stream_reaches_the_client(double: Double) -> None:
    double.serving.fails = ModelFailed("the worker ended")
    heard = []
    stream = double.client().chat.completions.create(
        model="rock", messages=[{"role": "user", "content": "Hi"}], stream=True
    )
    with pytest.raises(openai.APIError, match="the worker ended"):
        heard += [chunk.choices[0].delta.content for chunk in stream]
    assert b"[DONE]" not in double.sent
    assert double.sent.count(b"data: ") == 3
