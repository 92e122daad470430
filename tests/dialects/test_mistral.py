from __future__ import annotations

import pytest

from outcrop.dialects.mistral import MISTRAL
from outcrop.domain.generation import GenerationParameters, Prompt
from tests.dialects.samples import METRICS, faults, response, stream, user, whole


def test_a_body_with_all_it_can_say() -> None:
    body = {"prompt": "<s>[INST] Hi [/INST]", "max_tokens": 64, "temperature": 0.1, "top_p": 1, "top_k": 9}
    asked = MISTRAL.read({**body, "stop": ["|"], "seed": 3})
    assert asked.prompt == Prompt(0, (user("Hi"),))
    assert asked.parameters == GenerationParameters(64, 0.1, 1.0, 9, ("|",), 3)


def test_what_is_left_out_is_as_usual() -> None:
    parameters = MISTRAL.read({"prompt": "Hi"}).parameters
    assert (parameters.max_tokens, parameters.temperature, parameters.top_p, parameters.top_k) == (512, 0.5, 0.9, 50)


def test_what_is_wrong_is_named() -> None:
    assert set(faults(MISTRAL, {"prompt": 5, "top_k": 201, "stop": "|", "n": 1})) == {"prompt", "top_k", "stop", "n"}


@pytest.mark.parametrize(
    ("reason", "word"), [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length")]
)
def test_a_whole_answer(reason: str, word: str) -> None:
    assert whole(MISTRAL, response(reason)) == {"outputs": [{"text": "Good day", "stop_reason": word}]}


def test_a_stream() -> None:
    assert stream(MISTRAL, response()) == [
        {"outputs": [{"text": "Good", "stop_reason": None}]},
        {"outputs": [{"text": " day", "stop_reason": None}]},
        {"outputs": [{"text": "", "stop_reason": "stop"}]} | METRICS,
    ]
