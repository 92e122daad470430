from __future__ import annotations

from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.app.data import tokenizer_of
from outcrop.app.data_show import show_record
from outcrop.data.records import read
from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.domain.records import Purpose, Turns
from tests.doubles import add_scripted, write_lines
from tests.tiny_model import CONTEXT, tiny_model


@pytest.fixture
def model(outcrop: Outcrop, tiny_folder: Path) -> str:
    outcrop.models.add(str(tiny_folder), "tiny")
    return "tiny"


def test_tokens_are_those_of_training(outcrop: Outcrop, model: str, tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "train.jsonl", [{"prompt": "a", "completion": "b"}, {"prompt": "é?", "completion": "Ja\n"}]
    )
    found = show_record(outcrop.services, str(path), model, 2)
    tokenizer = tokenizer_of(outcrop.services, outcrop.models.show(model))
    assert tokenizer is not None
    encoded = tokenizer.encode_training(list(read(path, Purpose.FINE_TUNING))[1])
    assert [token.carries_loss for token in found.tokens] == list(encoded.carries_loss)
    assert (found.line, found.number, found.n_cut, found.context) == (2, 2, 0, CONTEXT)
    assert found.ends_turn
    assert found.n_with_loss == len("Ja\n") + 1
    # All tokens together are what the template writes; the last one that carries loss ends the turn.
    said = "".join(token.text for token in found.tokens)
    assert said == "<|im_start|>user\né?<|im_end|>\n<|im_start|>assistant\nJa\n<|im_end|>"
    assert [token.text for token in found.tokens if token.special] == ["<|im_start|>", "<|im_end|>"] * 2
    # A letter of two bytes is two tokens, of which the second has it.
    place = next(n for n, token in enumerate(found.tokens) if token.text == "é")
    assert found.tokens[place - 1].text == ""


def test_what_is_cut_is_not_shown(outcrop: Outcrop, model: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "train.jsonl", [{"prompt": "x" * 50, "completion": "yes"}])
    whole = show_record(outcrop.services, str(path), model)
    found = show_record(outcrop.services, str(path), model, max_length=10)
    assert found.n_cut == len(whole.tokens) - 10
    assert found.tokens == whole.tokens[-10:]
    with pytest.raises(
        InvalidInput, match=r"train\.jsonl:1: found \d+ tokens, 4 of them the last completion; expected"
    ):
        show_record(outcrop.services, str(path), model, max_length=3)


def test_records_are_counted_and_lines_are_not(outcrop: Outcrop, model: str, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt":"a","completion":"b"}\n\n{"prompt":1,"completion":2}\n{"prompt":"c","completion":"d"}\n')
    assert show_record(outcrop.services, str(path), model, 3).line == 4
    with pytest.raises(InvalidInput) as caught:
        show_record(outcrop.services, str(path), model, 2)
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [(3, "prompt"), (3, "completion")]
    with pytest.raises(InvalidInput, match=r"record: found 4; expected 1 to 3: .* has no more"):
        show_record(outcrop.services, str(path), model, 4)
    with pytest.raises(InvalidInput, match="no file"):
        show_record(outcrop.services, str(tmp_path / "none"), model)


def test_models_that_can_not(outcrop: Outcrop, tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "train.jsonl",
        [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}],
    )
    outcrop.models.add(str(tiny_model(tmp_path / "plain", template=False)), "plain")
    with pytest.raises(InvalidInput, match="found messages, for a model without one"):
        show_record(outcrop.services, str(path), "plain")
    add_scripted(outcrop, tmp_path)
    with pytest.raises(NotSupported, match="scripted: is scripted or remote and has no tokenizer"):
        show_record(outcrop.services, str(path), "scripted")


def test_a_text_is_shown_as_it_is_learnt(outcrop: Outcrop, model: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "texts.jsonl", [{"input": "Gneiss is foliated."}])
    found = show_record(outcrop.services, str(path), model, max_length=5, purpose=Purpose.PRE_TRAINING)
    assert "".join(token.text for token in found.tokens if not token.special) == "Gneiss is foliated."
    assert [token.carries_loss for token in found.tokens] == [False, *[True] * (len(found.tokens) - 1)]
    assert found.n_cut == 0


def test_only_the_last_turn_carries_loss_where_that_is_wanted(outcrop: Outcrop, model: str, tmp_path: Path) -> None:
    spoken = [{"role": role, "content": text} for role, text in zip(("user", "assistant") * 2, "abcd", strict=True)]
    path = write_lines(tmp_path / "turns.jsonl", [{"messages": spoken}])
    learnt = {
        turns: "".join(
            token.text
            for token in show_record(outcrop.services, str(path), model, turns=turns).tokens
            if token.carries_loss and not token.special
        )
        for turns in Turns
    }
    assert learnt == {Turns.ALL: "bd", Turns.LAST: "d"}
