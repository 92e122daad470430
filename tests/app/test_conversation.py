from __future__ import annotations

from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.app.conversation import answer
from outcrop.domain.errors import InvalidInput, NotFound, NotSupported
from outcrop.domain.generation import GenerationParameters
from tests.doubles import add_scripted


@pytest.fixture
def scripted(outcrop: Outcrop, tmp_path: Path) -> Outcrop:
    add_scripted(outcrop, tmp_path, responses={"What is gneiss?": "A rock of many layers."}, context=10)
    return outcrop


def test_an_answer_comes_in_pieces(scripted: Outcrop) -> None:
    pieces = list(scripted.ask("scripted", "What is gneiss?"))
    assert len(pieces) > 1
    assert "".join(pieces) == "A rock of many layers."


def test_parameters_are_heard(scripted: Outcrop) -> None:
    assert "".join(scripted.ask("scripted", "What is gneiss?", max_tokens=2)) == "A rock"
    assert "".join(scripted.ask("scripted", "What is gneiss?", stop=(" of",))) == "A rock"


def test_a_real_model_streams_what_it_generates(outcrop: Outcrop, tiny_folder: Path) -> None:
    outcrop.models.add(str(tiny_folder), "tiny")
    first, again = ["".join(outcrop.ask("tiny", "Say 1", max_tokens=8)) for _ in range(2)]
    assert first == again != ""
    sampled = {"".join(outcrop.ask("tiny", "Say 1", max_tokens=8, temperature=2.0, seed=seed)) for seed in range(4)}
    assert len(sampled) > 1


def test_an_unknown_model(scripted: Outcrop) -> None:
    with pytest.raises(NotFound, match="'scripter'; did you mean 'scripted'"):
        list(scripted.ask("scripter", "hello"))


def test_an_encoder_has_no_answers(outcrop: Outcrop, tiny_encoder_folder: Path) -> None:
    outcrop.models.add(str(tiny_encoder_folder), "vectors")
    with pytest.raises(
        NotSupported, match="vectors is an encoder: it gives vectors and writes no text; ask a model"
    ) as c:
        list(outcrop.ask("vectors", "hello"))
    assert (c.value.code, c.value.exit_code) == ("ValidationException", 2)


def test_a_prompt_without_room(scripted: Outcrop) -> None:
    with pytest.raises(InvalidInput, match="prompt 0: found 10 tokens; expected at most 9"):
        list(scripted.ask("scripted", "word " * 10))


def test_parameters_out_of_range_come_before_any_model(scripted: Outcrop) -> None:
    wrong = GenerationParameters(max_tokens=0, top_p=2.0)
    with pytest.raises(InvalidInput) as caught:
        list(answer(scripted.services.engines(), "nobody", "hello", wrong))
    assert [fault.field for fault in caught.value.faults] == ["max_tokens", "top_p"]
