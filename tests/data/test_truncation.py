from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.data.truncation import completion_length, misfit, pieces, truncate
from outcrop.domain.records import EncodedRecord, Encoding, LongRecords


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
        assert misfit(record, Encoding(max_length), 1_000) is not None
        return
    cut = truncate(record, max_length)
    assert len(cut.tokens) == min(max_length, len(record.tokens))
    assert cut.tokens == tuple(range(cut.tokens[0], cut.tokens[0] + len(cut.tokens)))
    assert cut.carries_loss == record.carries_loss[cut.tokens[0] : cut.tokens[0] + len(cut.tokens)]
    assert sum(cut.carries_loss) == completion
    assert cut.ends_turn is record.ends_turn


def turns(*lengths: int) -> EncodedRecord:
    """Spans in turns: without loss, with loss, …"""
    carries_loss = tuple(bool(place % 2) for place, length in enumerate(lengths) for _ in range(length))
    return EncodedRecord(tuple(range(sum(lengths))), carries_loss, ends_turn=True)


def test_of_a_conversation_the_last_turn_must_stay() -> None:
    record = turns(2, 3, 2, 4)
    assert completion_length(record) == 4
    assert misfit(record, Encoding(4), 100) is None
    assert truncate(record, 4) == EncodedRecord((7, 8, 9, 10), (True,) * 4, ends_turn=True)
    assert "a completion of 4 tokens" in str(misfit(record, Encoding(3), 100))


def test_a_turn_that_is_cut_through_carries_no_loss() -> None:
    record = turns(2, 3, 2, 4)
    assert truncate(record, 9).carries_loss == (True,) * 3 + (False,) * 2 + (True,) * 4
    assert truncate(record, 8).carries_loss == (False,) * 4 + (True,) * 4
    assert truncate(record, 7).carries_loss == (False,) * 3 + (True,) * 4


@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=8).filter(lambda spans: len(spans) % 2 == 0), st.integers(1, 40)
)
def test_what_is_cut_is_a_piece_whose_turns_are_learnt_whole_or_not(spans: list[int], max_length: int) -> None:
    record = turns(*spans)
    if spans[-1] > max_length:
        assert misfit(record, Encoding(max_length), 1_000) is not None
        return
    cut = truncate(record, max_length)
    assert len(cut.tokens) == min(max_length, len(record.tokens))
    assert cut.tokens == record.tokens[len(record.tokens) - len(cut.tokens) :]
    place = 0
    whole: list[int] = []
    for number, span in enumerate(spans):
        whole += range(place, place + span) if number % 2 and place >= cut.tokens[0] else []
        place += span
    assert [token for token, carries in zip(cut.tokens, cut.carries_loss, strict=True) if carries] == whole


@given(st.integers(2, 60), st.integers(2, 20))
def test_pieces_of_a_text_learn_every_token_once_but_its_first(length: int, max_length: int) -> None:
    text = EncodedRecord(tuple(range(length)), (False,) + (True,) * (length - 1), ends_turn=True)
    parts = pieces(text, max_length)
    learnt = [token for part in parts for token, carries in zip(part.tokens, part.carries_loss, strict=True) if carries]
    assert learnt == list(range(1, length))
    assert all(2 <= len(part.tokens) <= max_length and not part.carries_loss[0] for part in parts)
    assert [part.ends_turn for part in parts] == [False] * (len(parts) - 1) + [True]
    assert all(one.tokens[-1] == two.tokens[0] for one, two in itertools.pairwise(parts))


def test_pieces_of_one_token_have_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match="pieces of 1 tokens"):
        pieces(encoded(1, 3), 1)


@pytest.mark.parametrize(
    ("record", "encoding", "text"),
    [
        (encoded(3, 2), Encoding(2), None),
        (encoded(3, 2), None, None),
        (
            encoded(3, 2),
            Encoding(1),
            "found a completion of 2 tokens; expected at most 1, the maximum length: shorten it, or raise the maximum "
            "length",
        ),
        (encoded(9_000, 123), Encoding(4_096), "found 9,123 tokens; expected at most 8,192, the model's context"),
        (
            encoded(3, 0),
            None,
            "found no token that carries loss; expected a completion that the tokenizer turns into tokens",
        ),
    ],
)
def test_what_can_not_be_trained_on(record: EncodedRecord, encoding: Encoding | None, text: str | None) -> None:
    fault = misfit(record, encoding, 8_192)
    assert (None if fault is None else str(fault).removeprefix(": ")) == text


def test_long_records_may_be_refused() -> None:
    refuse = Encoding(4, long_records=LongRecords.REFUSE)
    assert misfit(encoded(3, 1), refuse, 100) is None
    assert "found 5 tokens; expected at most 4, the maximum length" in str(misfit(encoded(4, 1), refuse, 100))
