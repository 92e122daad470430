from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.data.truncation import completion_length, misfit, truncate
from outcrop.domain.records import EncodedRecord


def encoded(prompt: int, completion: int, after: int = 0) -> EncodedRecord:
    length = prompt + completion + after
    carries_loss = (False,) * prompt + (True,) * completion + (False,) * after
    return EncodedRecord(tuple(range(length)), carries_loss, ends_turn=True)


def test_what_fits_is_left_as_it_is() -> None:
    record = encoded(3, 2)
    assert truncate(record, 5) is record


def test_the_front_of_the_prompt_goes_first() -> None:
    assert truncate(encoded(4, 2, after=1), 5) == EncodedRecord(
        (2, 3, 4, 5, 6), (False, False, True, True, False), True
    )


def test_what_follows_the_completion_goes_last() -> None:
    assert truncate(encoded(4, 2, after=2), 3).tokens == (4, 5, 6)
    assert truncate(encoded(4, 2, after=2), 2).tokens == (4, 5)


def test_a_completion_that_does_not_fit_is_never_cut() -> None:
    with pytest.raises(ValueError, match="a completion of 3 tokens can't be cut to 2"):
        truncate(encoded(1, 3), 2)
    with pytest.raises(ValueError, match="a completion of 0 tokens"):
        truncate(encoded(3, 0), 2)


@given(st.integers(0, 20), st.integers(1, 20), st.integers(0, 5), st.integers(1, 40))
def test_a_cut_record_is_a_piece_of_it_with_every_token_that_carries_loss(
    prompt: int, completion: int, after: int, max_length: int
) -> None:
    record = encoded(prompt, completion, after)
    if completion > max_length:
        assert misfit(record, max_length, 1_000, 1, "data.jsonl") is not None
        return
    cut = truncate(record, max_length)
    assert len(cut.tokens) == min(max_length, len(record.tokens))
    assert cut.tokens == tuple(range(cut.tokens[0], cut.tokens[0] + len(cut.tokens)))
    assert cut.carries_loss == record.carries_loss[cut.tokens[0] : cut.tokens[0] + len(cut.tokens)]
    assert sum(cut.carries_loss) == completion
    assert cut.ends_turn is record.ends_turn


def test_a_completion_with_gaps_is_kept_from_its_first_token_to_its_last() -> None:
    record = EncodedRecord((0, 1, 2, 3), (False, True, False, True), ends_turn=True)
    assert completion_length(record) == 3
    assert truncate(record, 3).tokens == (1, 2, 3)


@pytest.mark.parametrize(
    ("record", "max_length", "text"),
    [
        (encoded(3, 2), 2, None),
        (encoded(3, 2), None, None),
        (
            encoded(3, 2),
            1,
            "found a completion of 2 tokens; expected at most 1, the maximum length: shorten it, or raise the maximum "
            "length",
        ),
        (encoded(9_000, 123), 4_096, "found 9,123 tokens; expected at most 8,192, the model's context"),
        (
            encoded(3, 0),
            None,
            "found no token that carries loss; expected a completion that the tokenizer turns into tokens",
        ),
    ],
)
def test_what_can_not_be_trained_on(record: EncodedRecord, max_length: int | None, text: str | None) -> None:
    fault = misfit(record, max_length, 8_192, 5, "data.jsonl")
    assert (None if fault is None else str(fault)) == (None if text is None else f"data.jsonl:5: {text}")
