from __future__ import annotations

import pytest

from outcrop.dialects.cohere import COHERE
from outcrop.domain.generation import GenerationParameters, Prompt
from tests.dialects.samples import METRICS, faults, response, stream, user, whole


def test_a_body_with_all_it_can_say() -> None:
    body = {
        "prompt": "Hi",
        "max_tokens": 64,
        "temperature": 5,
        "p": 0.5,
        "k": 9.0,
        "stop_sequences": ["|"],
        "return_likelihoods": "NONE",
        "num_generations": 1,
        "truncate": "END",
        "stream": False,
        "logit_bias": {},
        "seed": 3,
    }
    asked = COHERE.read(body)
    assert asked.prompt == Prompt(0, (user("Hi"),))
    assert asked.parameters == GenerationParameters(64, 5.0, 0.5, 9, ("|",), 3)


def test_what_is_left_out_is_as_usual() -> None:
    parameters = COHERE.read({"prompt": "Hi"}).parameters
    assert (parameters.max_tokens, parameters.temperature, parameters.top_p, parameters.top_k) == (20, 0.9, 0.75, 0)


def test_what_is_not_supported_says_so() -> None:
    asking = {"return_likelihoods": "ALL", "num_generations": 2, "truncate": "MIDDLE", "stream": "yes"}
    assert {
        name: found[1] for name, found in faults(COHERE, {"prompt": "Hi", "logit_bias": {"1": 5}, **asking}).items()
    } == {
        "return_likelihoods": '"NONE": log-probabilities are not told in responses',
        "num_generations": "1: a request has one response",
        "truncate": '"NONE" or "START" or "END"',
        "stream": "true or false",
        "logit_bias": "the member left out: the probabilities of single tokens can't be changed",
    }


@pytest.mark.parametrize(
    ("reason", "word"), [("end_turn", "COMPLETE"), ("stop_sequence", "COMPLETE"), ("max_tokens", "MAX_TOKENS")]
)
def test_a_whole_answer(reason: str, word: str) -> None:
    answer = whole(COHERE, response(reason), {"prompt": "Hi"})
    assert answer.pop("id") != answer["generations"][0].pop("id")
    assert answer == {"generations": [{"finish_reason": word, "text": "Good day"}], "prompt": "Hi"}


def test_a_stream_has_parts_where_the_body_asks_for_them() -> None:
    *parts, last = stream(COHERE, response(), {"prompt": "Hi", "stream": True})
    assert parts == [{"text": "Good", "is_finished": False}, {"text": " day", "is_finished": False}]
    assert last.pop("response")["generations"][0]["text"] == "Good day"
    assert last == {"is_finished": True, "finish_reason": "COMPLETE"} | METRICS


def test_a_stream_without_parts_has_the_whole_answer() -> None:
    (only,) = stream(COHERE, response(), {"prompt": "Hi"})
    assert only["generations"][0]["text"] == "Good day"
    assert only == only | METRICS
