from __future__ import annotations

import pytest

from outcrop.dialects.titan import TITAN
from outcrop.domain.generation import GenerationParameters, Prompt
from tests.dialects.samples import METRICS, faults, response, stream, user, whole


def test_a_body_with_all_it_can_say() -> None:
    config = {"maxTokenCount": 64, "temperature": 0, "topP": 1, "stopSequences": ["|"]}
    asked = TITAN.read({"inputText": "User: Hi\nBot:", "textGenerationConfig": config, "seed": 3})
    assert asked.prompt == Prompt(0, (user("Hi"),))
    assert asked.parameters == GenerationParameters(64, 0.0, 1.0, 0, ("|",), 3)


def test_what_is_left_out_is_as_usual() -> None:
    parameters = TITAN.read({"inputText": "Hi"}).parameters
    assert (parameters.max_tokens, parameters.temperature, parameters.top_p) == (512, 0.7, 0.9)


def test_what_is_wrong_is_named_with_the_object_it_is_in() -> None:
    config = {"topP": 2, "stopSequences": [1], "topK": 5}
    assert faults(TITAN, {"inputText": "Hi", "textGenerationConfig": config}) == {
        "textGenerationConfig.topP": ("the number 2", "a number, 0 to 1"),
        "textGenerationConfig.stopSequences[0]": ("the number 1", "a text that is not empty"),
        "textGenerationConfig.topK": ('an unknown member "topK"', '"topP", the closest known field'),
    }
    assert set(faults(TITAN, {"textGenerationConfig": []})) == {"inputText", "textGenerationConfig"}


@pytest.mark.parametrize(
    ("reason", "word"),
    [("end_turn", "FINISH"), ("max_tokens", "LENGTH"), ("stop_sequence", "STOP_CRITERIA_MET")],
)
def test_a_whole_answer(reason: str, word: str) -> None:
    result = {"tokenCount": 4, "outputText": "Good day", "completionReason": word}
    assert whole(TITAN, response(reason)) == {"inputTextTokenCount": 7, "results": [result]}


def test_a_stream() -> None:
    named = ("outputText", "inputTextTokenCount", "totalOutputTextTokenCount", "completionReason")
    chunks = [("Good", 7, None, None), (" day", None, None, None), ("", None, 4, "FINISH")]
    expected = [{"index": 0, **dict(zip(named, chunk, strict=True))} for chunk in chunks]
    assert stream(TITAN, response()) == [*expected[:-1], expected[-1] | METRICS]
