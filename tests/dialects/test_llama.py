from __future__ import annotations

from typing import Any

import pytest

from outcrop.dialects.llama import LLAMA
from outcrop.domain.errors import InvalidInput
from outcrop.domain.generation import GenerationParameters, Prompt
from tests.dialects.samples import METRICS, faults, response, stream, user, whole


def test_a_body_with_all_it_can_say() -> None:
    body = {"prompt": "Hi", "max_gen_len": 64, "temperature": 0, "top_p": 0.5, "seed": 3}
    asked = LLAMA.read(body)
    assert asked.prompt == Prompt(0, (user("Hi"),))
    assert asked.parameters == GenerationParameters(64, 0.0, 0.5, 0, (), 3)
    assert isinstance(asked.parameters.temperature, float)


def test_what_is_left_out_is_as_usual_and_the_seed_is_drawn() -> None:
    first, second = (LLAMA.read({"prompt": "Hi", "top_p": None}).parameters for _ in range(2))
    assert (first.max_tokens, first.temperature, first.top_p, first.top_k) == (512, 0.5, 0.9, 0)
    assert first.seed != second.seed


def test_every_fault_is_told_at_once() -> None:
    body: dict[str, Any] = {"prompt": " ", "max_gen_len": True, "temperature": 1.5, "topP": 1, "images": ["…"]}
    assert faults(LLAMA, body) == {
        "prompt": ('" ", which is blank', "a text that is not blank"),
        "max_gen_len": ("true", "a whole number, 1 to 2147483647"),
        "temperature": ("the number 1.5", "a number, 0 to 1"),
        "topP": ('an unknown member "topP"', '"top_p", the closest known field'),
        "images": ("a list of 1", "the member left out: models here read and write texts alone"),
    }


@pytest.mark.parametrize("wrong", [0, 2**31, 1.5, "5", float("nan"), float("inf"), [], {}])
def test_what_is_no_length(wrong: object) -> None:
    assert list(faults(LLAMA, {"prompt": "Hi", "max_gen_len": wrong})) == ["max_gen_len"]


@pytest.mark.parametrize("wrong", [-0.1, 1.01, "0.5", True, float("nan"), float("-inf"), 10**400])
def test_what_is_no_probability(wrong: object) -> None:
    assert list(faults(LLAMA, {"prompt": "Hi", "top_p": wrong})) == ["top_p"]


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert LLAMA.read({"prompt": "Hi", "max_gen_len": 64.0}).parameters.max_tokens == 64


def test_top_p_of_nothing_leaves_the_most_likely_token() -> None:
    parameters = LLAMA.read({"prompt": "Hi", "top_p": 0, "temperature": 1, "seed": 1}).parameters
    assert parameters == GenerationParameters(512, 0.0, 1.0, 0, (), 1)
    assert parameters.faults() == []


def test_a_text_that_is_no_unicode_is_a_fault_and_not_an_error_later() -> None:
    assert faults(LLAMA, {"prompt": "a\ud800"})["prompt"][1] == "a text in Unicode"


@pytest.mark.parametrize(
    ("name", "written"),
    [("a[\ud800", '"a[\\ud800"'), ("\x1b[31m", '"\\u001b[31m"'), ("b" * 61, '"' + "b" * 60 + '…"'), ("a.b", '"a.b"')],
)
def test_a_name_that_is_none_is_written_so_that_it_prints(name: str, written: str) -> None:
    assert list(faults(LLAMA, {"prompt": "Hi", name: 1})) == [written]


def test_a_body_of_many_faults_is_refused_with_the_first_thousand() -> None:
    body = {"prompt": "Hi", **{f"member_{number}": 1 for number in range(200_000)}}
    with pytest.raises(InvalidInput) as raised:
        LLAMA.read(body)
    assert len(raised.value.faults) == raised.value.total == 1_000


@pytest.mark.parametrize(
    ("reason", "word"), [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length")]
)
def test_a_whole_answer(reason: str, word: str) -> None:
    assert whole(LLAMA, response(reason)) == {
        "generation": "Good day",
        "prompt_token_count": 7,
        "generation_token_count": 4,
        "stop_reason": word,
    }


def test_a_stream() -> None:
    named = ("generation", "prompt_token_count", "generation_token_count", "stop_reason")
    chunks = [("Good", 7, 1, None), (" day", None, 3, None), ("", None, 4, "stop")]
    expected = [dict(zip(named, chunk, strict=True)) for chunk in chunks]
    assert stream(LLAMA, response()) == [*expected[:-1], expected[-1] | METRICS]
