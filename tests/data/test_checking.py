from __future__ import annotations

import json
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.data.checking import PROGRESS_BYTES, TokenLengths, check, summarised
from outcrop.data.protocol import Tokenizer
from outcrop.data.reading import content_hash
from outcrop.domain.errors import InvalidInput
from outcrop.domain.faults import KEPT
from outcrop.domain.records import Encoding, LongRecords, Purpose, Turns

Write = Callable[..., Path]
MakeTokenizer = Callable[..., Tokenizer]


def training(prompt: str, completion: str) -> dict[str, str]:
    return {"prompt": prompt, "completion": completion}


def messages(prompt: str, completion: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]}


def test_a_sound_training_file(write: Write, tokenizer: Tokenizer) -> None:
    path = write(training("a b", "c"), training("a", "b"), training("a b", "c"))
    result = check(path, Purpose.FINE_TUNING, tokenizer)
    result.raise_for_faults()
    assert (result.format, result.n_records, result.n_faults, result.n_duplicates) == ("prompt-completion", 3, 0, 1)
    assert result.content_hash == content_hash(path)
    assert result.tokens is not None
    assert (result.tokens.total, result.tokens.carrying_loss, result.tokens.n_ends_turn) == (11, 6, 3)
    assert result.tokens.lengths == TokenLengths(3, 4, 4, 4)
    assert (result.tokens.n_truncated, result.tokens.total_after_truncation) == (0, 11)


def test_an_evaluation_file(write: Write, tokenizer: Tokenizer) -> None:
    path = write(
        {"prompt": "a b c", "referenceResponse": "r", "category": "x"},
        {"prompt": "a", "category": "x"},
        {"prompt": "a", "referenceResponse": "x"},
    )
    result = check(path, Purpose.EVALUATION, tokenizer, encoding=Encoding(1))
    assert (result.n_faults, result.n_without_reference, result.n_duplicates) == (0, 1, 0)
    assert dict(result.categories) == {"x": 2}
    assert result.tokens is not None
    assert (result.tokens.total, result.tokens.carrying_loss, result.tokens.n_truncated) == (5, 0, 0)


def test_without_a_tokenizer_there_are_no_token_figures(write: Write) -> None:
    assert check(write(training("a", "b")), Purpose.FINE_TUNING).tokens is None


def test_all_faults_are_collected_and_the_sound_records_counted(write: Write, tokenizer: Tokenizer) -> None:
    path = write(b'{"prompt": "a", "completion": "b"}\nnot JSON\n{"prompt": "", "completion": 3}\n')
    result = check(path, Purpose.FINE_TUNING, tokenizer)
    assert (result.n_records, result.n_faults, [fault.line for fault in result.faults]) == (1, 3, [2, 3, 3])
    with pytest.raises(InvalidInput, match="3 faults:") as caught:
        result.raise_for_faults()
    assert caught.value.faults == result.faults


def test_a_thousand_faults_are_kept(write: Write) -> None:
    result = check(write(b"x\n" * (KEPT + 7)), Purpose.FINE_TUNING)
    assert (len(result.faults), result.n_faults) == (KEPT, KEPT + 7)
    with pytest.raises(InvalidInput, match="1007 faults:"):
        result.raise_for_faults()


def test_a_file_that_is_missing_or_for_something_else_is_one_fault(write: Write, tmp_path: Path) -> None:
    result = check(tmp_path / "no.jsonl", Purpose.FINE_TUNING)
    assert (result.n_faults, result.format, result.content_hash) == (1, "", "")
    result = check(write(*[training("a", "b")] * 5), Purpose.EVALUATION)
    assert (result.n_faults, result.format, result.n_records) == (1, "", 0)


def test_records_longer_than_the_context(write: Write, make_tokenizer: MakeTokenizer) -> None:
    path = write(training("a " * 1_030, "b"), training("a", "b"))
    result = check(path, Purpose.FINE_TUNING, make_tokenizer(context=1_024), Encoding(10))
    (fault,) = result.faults
    assert str(fault) == f"{path}:1: found 1,032 tokens; expected at most 1,024, the model's context"


def test_prompts_longer_than_the_context(write: Write, make_tokenizer: MakeTokenizer) -> None:
    path = write({"prompt": "a"}, {"prompt": "a " * 9})
    result = check(path, Purpose.EVALUATION, make_tokenizer(context=8))
    (fault,) = result.faults
    assert (fault.line, fault.found, fault.expected) == (
        2,
        "9 tokens",
        "fewer than 8: the model's context must hold a token of the response too",
    )


def test_completions_that_do_not_fit_the_maximum_length(write: Write, tokenizer: Tokenizer) -> None:
    path = write(training("a b c d", "e"), training("a", "b c d"), training("a", "b"))
    result = check(path, Purpose.FINE_TUNING, tokenizer, Encoding(3))
    (fault,) = result.faults
    assert (fault.line, fault.found) == (2, "a completion of 4 tokens")
    assert result.tokens is not None
    assert (result.tokens.n_truncated, result.tokens.total, result.tokens.total_after_truncation) == (1, 14, 6)


DROP = Encoding(4, long_records=LongRecords.DROP)


def test_long_records_may_be_dropped_and_are_counted(write: Write, make_tokenizer: MakeTokenizer) -> None:
    path = write(training("a b c d", "e"), training("a " * 99, "b"), training("a", "b"))
    result = check(path, Purpose.FINE_TUNING, make_tokenizer(context=50), DROP)
    assert (result.n_records, result.n_faults) == (3, 0)
    tokens = result.tokens
    assert tokens is not None
    assert (tokens.n_dropped, tokens.n_sequences, tokens.n_truncated, tokens.n_ends_turn) == (2, 1, 0, 1)
    assert (tokens.total, tokens.total_after_truncation, tokens.carrying_loss) == (110, 3, 2)


def test_long_records_may_be_refused(write: Write, tokenizer: Tokenizer) -> None:
    path = write(training("a b c d", "e"), training("a", "b"))
    result = check(path, Purpose.FINE_TUNING, tokenizer, Encoding(4, long_records=LongRecords.REFUSE))
    (fault,) = result.faults
    assert (fault.line, fault.found) == (1, "6 tokens")
    assert fault.expected == "at most 4, the maximum length: shorten it, raise it, or have it truncated"


def test_a_dataset_that_would_teach_nothing_is_refused(write: Write, tokenizer: Tokenizer) -> None:
    """Pain 3: every token masked or cut away, and the training succeeds with a loss of 0."""
    path = write(*[training("a b c d", "e")] * 12)
    (fault,) = check(path, Purpose.FINE_TUNING, tokenizer, DROP).faults
    assert str(fault) == (
        f"{path}: found no token that carries loss in any record; 12 longer than 4 tokens were dropped; "
        "expected records with something to learn: raise the maximum length, or have long records truncated"
    )
    (fault, _) = check(
        write(
            {
                "messages": [
                    {"role": "user", "content": "Q"},
                    {"role": "assistant", "content": "A", "weight": 0},
                ]
            },
            {
                "messages": [
                    {"role": "user", "content": "Q"},
                    {"role": "assistant", "content": "A", "weight": 0},
                ]
            },
        ),
        Purpose.FINE_TUNING,
        tokenizer,
        Encoding(4),
    ).faults
    assert (fault.line, fault.found) == (1, "no token that carries loss")


def test_loss_on_every_turn_or_on_the_last(write: Write, tokenizer: Tokenizer) -> None:
    path = write({"messages": messages("a", "b c")["messages"] + messages("d", "e")["messages"]})  # type: ignore[operator]
    for turns, carrying in ((Turns.ALL, 5), (Turns.LAST, 2)):
        result = check(path, Purpose.FINE_TUNING, tokenizer, Encoding(100, turns))
        assert result.tokens is not None
        assert (result.tokens.total, result.tokens.carrying_loss) == (7, carrying)


def test_texts_are_taken_apart_and_lose_nothing(write: Write, tokenizer: Tokenizer) -> None:
    path = write({"text": "a b c d e f g"}, {"text": "a"}, {"text": "a"})
    result = check(path, Purpose.PRE_TRAINING, tokenizer, DROP)
    assert (result.n_faults, result.n_records, result.n_duplicates) == (0, 3, 1)
    tokens = result.tokens
    assert tokens is not None
    assert (tokens.total, tokens.n_sequences, tokens.n_dropped, tokens.n_truncated) == (15, 5, 0, 0)
    # Every token but the first of each text is learnt; two pieces begin with a token of the one before.
    assert (tokens.carrying_loss, tokens.total_after_truncation, tokens.n_ends_turn) == (12, 17, 3)


def test_messages_for_a_model_without_a_template_are_one_fault(write: Write, make_tokenizer: MakeTokenizer) -> None:
    path = write(*[messages("a", "b")] * 3)
    result = check(path, Purpose.FINE_TUNING, make_tokenizer(has_template=False))
    (fault,) = result.faults
    assert str(fault) == (
        f"{path}: messages: found messages, for a model without a chat template; "
        'expected records with "prompt" and "completion", or a model with a chat template'
    )
    assert (result.n_records, result.tokens) == (3, None)
    assert check(write(training("a", "b")), Purpose.FINE_TUNING, make_tokenizer(has_template=False)).n_faults == 0


def test_the_end_of_turn_is_counted_where_it_is_trained(write: Write, make_tokenizer: MakeTokenizer) -> None:
    result = check(write(messages("a", "b")), Purpose.FINE_TUNING, make_tokenizer(ends_turn=False))
    assert result.tokens is not None
    assert result.tokens.n_ends_turn == 0


@pytest.mark.parametrize("purpose", [Purpose.FINE_TUNING, Purpose.EVALUATION])
def test_what_a_template_refuses_is_a_fault_of_its_line(
    write: Write, make_tokenizer: MakeTokenizer, purpose: Purpose
) -> None:
    more = {"completion": "b"} if purpose is Purpose.FINE_TUNING else {}
    path = write(*[{"prompt": prompt, **more} for prompt in ("a", "no", "a", "no")])
    result = check(path, purpose, make_tokenizer(refuses="no"))
    assert [fault.line for fault in result.faults] == [2, 4]
    assert str(result.faults[0]) == f"{path}:2: messages: found no such thing; expected another conversation"


@pytest.mark.parametrize("max_length", [0, -1, 1_001])
def test_a_maximum_length_that_can_not_be(write: Write, tokenizer: Tokenizer, max_length: int) -> None:
    result = check(write(training("a", "b")), Purpose.FINE_TUNING, tokenizer, Encoding(max_length))
    (fault,) = result.faults
    assert str(fault) == f"max_length: found {max_length:,}; expected 1 to 1,000, the model's context"


def test_what_counts_as_a_duplicate(write: Write) -> None:
    path = write(training("ab", "c"), training("a", "bc"), training("c", "ab"), training("ab", "c"))
    assert check(path, Purpose.FINE_TUNING).n_duplicates == 1
    path = write(*[{"prompt": "a", **more} for more in ({}, {"category": "b"}, {"referenceResponse": "b"})])
    assert check(path, Purpose.EVALUATION).n_duplicates == 0


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200))
def test_quantiles_are_those_of_numpy(lengths: list[int]) -> None:
    median, p95 = np.quantile(lengths, [0.5, 0.95], method="inverted_cdf")
    assert summarised(Counter(lengths)) == TokenLengths(min(lengths), int(median), int(p95), max(lengths))


def test_progress_is_told_now_and_then_and_at_the_end(write: Write) -> None:
    seen: list[tuple[int, int]] = []
    path = write(*[training("a" * 1_000, "b")] * 1_000)
    check(path, Purpose.FINE_TUNING, progress=lambda done, total: seen.append((done, total)))
    size = path.stat().st_size
    assert {total for _, total in seen} == {size}
    assert seen == sorted(seen)
    assert seen[-1] == (size, size)
    assert size // PROGRESS_BYTES - 1 <= len(seen) <= size // PROGRESS_BYTES + 1


def test_a_large_file_is_checked_in_little_memory(write: Write, tokenizer: Tokenizer) -> None:
    path = write(b"".join(json.dumps(training(f"a {n} " * 100, "b " * 200)).encode() + b"\n" for n in range(20_000)))
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    result = check(path, Purpose.FINE_TUNING)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (result.n_records, result.n_faults) == (20_000, 0)
    assert peak < 2_000_000


@given(
    st.lists(
        st.sampled_from([b'{"prompt": "a"}', b'{"prompt":', b'"completion": "b"}', b"\n", b"\xff", b"\x00"])
        | st.binary(max_size=4)
    ).map(b"".join),
    st.sampled_from(Purpose),
)
def test_arbitrary_bytes_raise_nothing(content: bytes, purpose: Purpose) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        result = check(file.name, purpose)
    assert result.n_records or result.n_faults
