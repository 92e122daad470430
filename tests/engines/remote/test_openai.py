"""What is sent to a server that speaks as OpenAI's does, and what its answers are read as."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from outcrop.domain.errors import NotSupported, RemoteFailure, RemoteRefusal
from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.domain.records import Message, Role
from outcrop.engines.remote.retries import Patience
from outcrop.engines.scripted import Script
from tests.engines.remote.conftest import Serve, engine_at
from tests.model_server import Replace

PROMPT = Prompt(3, (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "What is gneiss?")))
PLAIN = GenerationParameters(max_tokens=9)
SOON = Patience(timeout=5.0, total=0.4, base=0.01)


def says(**choice: Any) -> Replace:
    """A server that answers with this choice, whatever it is asked."""
    found = {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    return lambda _: (200, {}, json.dumps(found).encode())


def test_what_is_usual_is_left_out(serve: Serve) -> None:
    server = serve()
    engine_at(server).generate([PROMPT], PLAIN)
    assert server.bodies == [
        {
            "model": "gneiss-1",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is gneiss?"},
            ],
            "temperature": 0.0,
            "max_tokens": 9,
        }
    ]


def test_what_is_asked_for_is_sent(serve: Serve) -> None:
    server = serve()
    parameters = GenerationParameters(9, 0.5, 0.9, 40, ("\n", "END"), seed=5)
    engine_at(server, logprobs=True).generate([PROMPT, replace(PROMPT, number=4)], parameters)
    one, other = sorted(server.bodies, key=lambda body: int(body["seed"]))
    assert (one["temperature"], one["top_p"], one["top_k"], one["stop"]) == (0.5, 0.9, 40, ["\n", "END"])
    assert one["logprobs"] is True
    assert 0 <= one["seed"] < other["seed"] < 2**31, "equal prompts get seeds of their own"
    engine_at(server).generate([PROMPT], parameters)
    assert server.bodies[-1]["seed"] in (one["seed"], other["seed"]), "and the same ones each time"


def test_without_a_chat_template_a_text_is_gone_on_with(serve: Serve) -> None:
    server = serve(Script(echo_words=3))
    prompt = Prompt(0, (Message(Role.USER, "Granite is a rock"),), chat=False)
    (response,) = engine_at(server).generate([prompt], PLAIN)
    assert response.text == "Granite is a"
    assert server.bodies == [{"model": "gneiss-1", "prompt": "Granite is a rock", "temperature": 0.0, "max_tokens": 9}]
    (response,) = engine_at(server, logprobs=True).generate([prompt], PLAIN)
    assert len(response.logprobs) == len(response.tokens) == 4


@pytest.mark.parametrize(
    ("choice", "text", "reason"),
    [
        ({"message": {"content": "A rock."}, "finish_reason": "stop"}, "A rock.", "end_turn"),
        ({"message": {"content": "A rock."}, "finish_reason": "stop", "stop_reason": "X"}, "A rock.", "stop_sequence"),
        ({"message": {"content": "A rock."}, "finish_reason": "stop", "stop_reason": 128009}, "A rock.", "end_turn"),
        ({"message": {"content": "A rock."}, "finish_reason": "stop", "matched_stop": "X"}, "A rock.", "stop_sequence"),
        ({"message": {"content": "A rock,"}, "finish_reason": "length"}, "A rock,", "max_tokens"),
        # All tokens went into reasoning that is not shown.
        ({"message": {"content": None}, "finish_reason": "length"}, "", "max_tokens"),
        # A server that does not know of stop sequences.
        ({"message": {"content": "A rock.\n\nIt is"}, "finish_reason": "length"}, "A rock.", "stop_sequence"),
    ],
)
def test_answers_are_read(serve: Serve, choice: dict[str, Any], text: str, reason: str) -> None:
    engine = engine_at(serve(replace=says(**choice)))
    (response,) = engine.generate([PROMPT], replace(PLAIN, stop=("\n\n",)))
    assert response == Response(3, text, reason, prompt_tokens=7, tokens=(-1, -1))


def test_logprobs_of_other_tokens_than_were_counted_are_none(serve: Serve) -> None:
    choice = {"message": {"content": "A"}, "finish_reason": "stop", "logprobs": {"content": [{"logprob": -0.1}]}}
    (response,) = engine_at(serve(replace=says(**choice)), logprobs=True).generate([PROMPT], PLAIN)
    assert (response.tokens, response.logprobs) == ((-1, -1), ())


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{"finish_reason": "stop"}]}',
        b'{"error": {"message": "upstream"}}',
        b'{"error": {"message": "upstream", "code": 503}}',
    ],
)
def test_an_answer_that_is_none_is_asked_for_again(serve: Serve, body: bytes) -> None:
    server = serve(replace=lambda _: (200, {}, body))
    with pytest.raises(RemoteFailure, match=r"the answer is no completion|upstream"):
        engine_at(server, patience=SOON).generate([PROMPT], PLAIN)
    assert server.asked.total() > 1


def test_an_error_within_an_answer_counts_as_what_it_says(serve: Serve) -> None:
    server = serve(replace=lambda _: (200, {}, b'{"error": {"message": "no such model", "code": 404}}'))
    with pytest.raises(RemoteRefusal, match="404 no such model"):
        engine_at(server).generate([PROMPT], PLAIN)
    assert server.asked.total() == 1


def test_tokens_that_are_not_counted_are_refused(serve: Serve) -> None:
    server = serve(replace=lambda _: (200, {}, b'{"choices": [{"message": {"content": "A"}}]}'))
    with pytest.raises(RemoteRefusal, match="does not say how many tokens an answer took"):
        engine_at(server).generate([PROMPT], PLAIN)


def test_the_newer_name_of_the_length_is_used_where_a_server_wants_it(serve: Serve) -> None:
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    refusal = json.dumps({"error": {"message": words}}).encode()
    server = serve(replace=lambda body: (400, {}, refusal) if "max_tokens" in body else None)
    engine = engine_at(server, max_concurrency=1)
    assert [response.text for response in engine.generate([PROMPT] * 3, PLAIN)] == ["What is gneiss?"] * 3
    assert "".join(engine.stream(PROMPT, PLAIN)) == "What is gneiss?"
    assert server.asked.total() == 5, "it is found out once"


@pytest.mark.parametrize("status", [400, 404, 405, 422, 501])
def test_what_a_server_does_not_offer_is_told(serve: Serve, status: int) -> None:
    engine = engine_at(serve(replace=lambda _: (status, {}, b'{"error": "not here"}')))
    with pytest.raises(NotSupported, match=f"gneiss-1: log-likelihoods need .* answers {status} not here"):
        engine.loglikelihood([("Granite is", " hard")])
    with pytest.raises(NotSupported, match=f"gneiss-1: embeddings need /embeddings; .* answers {status} not here"):
        engine.embed(["rock"])


def test_a_server_that_does_not_echo_is_found_out(serve: Serve) -> None:
    lists = {"tokens": [" and"], "token_logprobs": [-0.5], "top_logprobs": [{" and": -0.5}]}
    for choice in ({"text": " and", "logprobs": lists}, {"text": "Granite is hard and", "logprobs": None}):
        with pytest.raises(NotSupported, match="need a server that echoes a prompt with log-probabilities"):
            engine_at(serve(replace=says(**choice))).loglikelihood([("Granite is", " hard")])


def test_embeddings_that_are_missing_are_asked_for_again(serve: Serve) -> None:
    server = serve(replace=lambda _: (200, {}, b'{"data": [], "usage": {"prompt_tokens": 1}}'))
    with pytest.raises(RemoteFailure, match="0 embeddings came for 1 texts"):
        engine_at(server, patience=SOON).embed(["rock"])


def test_a_stream_goes_on_without_a_usage(serve: Serve) -> None:
    events = b"".join(
        b"data: " + json.dumps(event).encode() + b"\n\n"
        for event in (
            {"choices": [{"delta": {"role": "assistant"}}]},
            {"choices": [{"delta": {"content": "A rock"}}]},
            {"choices": [{"delta": {"content": ".\n\nIt"}, "finish_reason": "stop"}]},
        )
    )
    server = serve(replace=lambda _: (200, {"Content-Type": "text/event-stream"}, events))
    assert list(engine_at(server).stream(PROMPT, PLAIN)) == ["A rock", ".\n\nIt"]
    assert "".join(engine_at(server).stream(PROMPT, replace(PLAIN, stop=("\n\n",)))) == "A rock."


def test_a_stream_that_tells_of_an_error(serve: Serve) -> None:
    server = serve(replace=lambda _: (200, {}, b'data: {"error": {"message": "overloaded", "code": 400}}\n\n'))
    with pytest.raises(RemoteRefusal, match="400 overloaded"):
        list(engine_at(server).stream(PROMPT, PLAIN))
