"""Completions: a text goes on as it is."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types import Completion
from openai.types.completion_create_params import CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming

from outcrop.domain.errors import InvalidInput
from outcrop.domain.generation import Piece
from outcrop.domain.records import Message, Role
from outcrop.server.openai.completions import read_completion
from tests.server.openai.double import PIECES, RESPONSE, TIMING, Double, ended, strictly


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "rock", "prompt": "Basalt is", **changes}


def faults(given: dict[str, Any]) -> list[str]:
    """The members of a body that are wrong."""
    with pytest.raises(InvalidInput) as refused:
        read_completion(given)
    return [fault.field for fault in refused.value.faults]


@pytest.mark.parametrize("prompt", ["Basalt is", ["Basalt is"]])
def test_a_text_is_gone_on_with(prompt: object) -> None:
    asked = read_completion(body(prompt=prompt))
    assert asked.inference.prompt.messages == (Message(Role.USER, "Basalt is"),)
    assert not asked.inference.prompt.chat
    parameters = asked.inference.parameters
    assert (parameters.max_tokens, parameters.temperature) == (16, 1.0)
    assert parameters.faults() == []


def test_what_asks_for_nothing_else_is_taken() -> None:
    silent: dict[str, Any] = {
        "echo": False,
        "n": 1,
        "best_of": 1,
        "logprobs": None,
        "suffix": None,
        "user": "u",
        "logit_bias": {},
    }
    asked = read_completion(body(**silent, max_tokens=3, top_k=2, seed=1, stop="\n", temperature=0.5))
    parameters = asked.inference.parameters
    assert (parameters.max_tokens, parameters.top_k, parameters.seed, parameters.stop) == (3, 2, 1, ("\n",))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("prompt", None),
        ("prompt", ""),
        ("prompt", []),
        ("prompt", ["a", "b"]),
        ("prompt", [1, 2, 3]),
        ("prompt", [[1, 2]]),
        ("prompt", "\udfff"),
        ("echo", True),
        ("logprobs", 0),
        ("logprobs", 5),
        ("n", 2),
        ("best_of", 3),
        ("suffix", "end"),
        ("max_tokens", -1),
        ("presence_penalty", 1),
    ],
)
def test_what_is_wrong_is_said_by_its_member(member: str, value: object) -> None:
    assert faults(body(**{member: value})) == [member]


def test_every_member_of_the_official_client_is_answered_on_purpose() -> None:
    members = {*CompletionCreateParamsNonStreaming.__annotations__, *CompletionCreateParamsStreaming.__annotations__}
    assert len(members) > 15
    assert "" not in faults(dict.fromkeys(members, "no value") | {"prompt": 5})


@pytest.mark.parametrize(("ends", "says"), [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length")])
def test_a_whole_answer(ends: str, says: str) -> None:
    answer = strictly(Completion, read_completion(body()).writer.whole(ended(ends), TIMING))
    assert answer.id.startswith("cmpl-")
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (RESPONSE.text, says)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (7, 4, 11)


@pytest.mark.parametrize("include_usage", [False, True])
def test_a_stream(include_usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    writer = read_completion(body(stream=True, **options)).writer
    documents = [*writer.begin(7), *(one for text in PIECES for one in writer.piece(Piece(text, 1)))]
    documents += writer.end(ended("max_tokens"), TIMING)
    reasons = [choice["finish_reason"] for document in documents for choice in document["choices"]]
    assert reasons == [None, None, None, "length"]
    assert "".join(choice["text"] for document in documents for choice in document["choices"]) == RESPONSE.text
    for document in documents:
        # OpenAI's own streams have null here too, which the client's type forgets.
        for choice in document["choices"]:
            choice["finish_reason"] = "stop"
        strictly(Completion, document)
    assert len(documents) == 4 + include_usage
    assert [document.get("usage") for document in documents[:4]] == [None] * 4


def test_the_official_client(double: Double) -> None:
    client = double.client()
    answer = client.completions.create(model="rock", prompt="Basalt is", max_tokens=5)
    assert answer.choices[0].text == RESPONSE.text
    pieces = client.completions.create(model="rock", prompt=["Basalt is"], stream=True)
    assert [piece.choices[0].text for piece in pieces] == [*PIECES, ""]
    assert [asked.inference.parameters.max_tokens for asked in double.asked] == [5, 16]
