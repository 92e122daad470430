from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outcrop.data import tokenized
from outcrop.data.checking import check
from outcrop.data.protocol import Tokenizer
from outcrop.data.reading import content_hash
from outcrop.data.records import read
from outcrop.data.truncation import truncate
from outcrop.domain.errors import InvalidInput, StorageFailure
from outcrop.domain.records import Encoding, LongRecords, Purpose, Turns

Write = Callable[..., Path]
MakeTokenizer = Callable[..., Tokenizer]


@pytest.fixture
def data(write: Write) -> Path:
    return write(*[{"prompt": "a b c " * n, "completion": f"d {n}"} for n in range(1, 20)])


def test_records_come_back_as_the_tokenizer_made_them(data: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    dataset = tokenized.build(data, tokenizer, Encoding(30), tmp_path / "tokens")
    expected = [truncate(tokenizer.encode_training(record), 30) for record in read(data, Purpose.FINE_TUNING)]
    assert len(dataset) == len(expected) == 19
    for index, encoded in enumerate(expected):
        tokens, carries_loss = dataset[index]
        assert (tokens.dtype.name, carries_loss.dtype.name) == ("uint32", "bool")
        assert (tuple(tokens.tolist()), tuple(carries_loss.tolist())) == (encoded.tokens, encoded.carries_loss)
    assert dataset.lengths.tolist() == [len(encoded.tokens) for encoded in expected]
    assert dataset.loss_tokens.tolist() == [sum(encoded.carries_loss) for encoded in expected]
    assert dataset.lengths.dtype == dataset.loss_tokens.dtype == np.int64
    assert dataset.manifest.n_tokens == dataset.lengths.sum()
    assert dataset.manifest.n_loss_tokens == dataset.loss_tokens.sum()
    assert dataset.manifest.content_hash == content_hash(data)


def test_views_are_read_only_and_the_index_is_that_of_a_sequence(
    data: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    dataset = tokenized.build(data, tokenizer, Encoding(30), tmp_path / "tokens")
    assert not dataset[0][0].flags.writeable
    assert np.array_equal(dataset[-1][0], dataset[18][0])
    for index in (19, -20):
        with pytest.raises(IndexError, match=f"record {index} of 19"):
            dataset[index]


@pytest.mark.parametrize("long_records", [LongRecords.TRUNCATE, LongRecords.DROP])
@pytest.mark.parametrize("turns", Turns)
def test_a_build_has_what_the_check_counted(
    write: Write, tokenizer: Tokenizer, tmp_path: Path, turns: Turns, long_records: LongRecords
) -> None:
    talk = [{"role": "user", "content": "a b c"}, {"role": "assistant", "content": "d e"}]
    path = write(*[{"messages": talk * n} for n in range(1, 8)])
    encoding = Encoding(15, turns, long_records)
    dataset = tokenized.build(path, tokenizer, encoding, tmp_path / "tokens")
    counted = check(path, Purpose.FINE_TUNING, tokenizer, encoding).tokens
    assert counted is not None
    manifest = dataset.manifest
    assert (manifest.n_records, manifest.n_dropped) == (counted.n_sequences, counted.n_dropped)
    assert (manifest.n_tokens, manifest.n_loss_tokens) == (counted.total_after_truncation, counted.carrying_loss)
    assert manifest.n_dropped == (5 if long_records is LongRecords.DROP else 0)
    assert (manifest.turns, manifest.long_records, manifest.purpose) == (turns, long_records, "fine-tuning")
    assert tokenized.build(path, tokenizer, encoding, tmp_path / "tokens").manifest == manifest


def test_texts_of_a_folder(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "b.md").write_text("a b c d e")
    (tmp_path / "texts" / "a.txt").write_text("f")
    dataset = tokenized.build(
        tmp_path / "texts", tokenizer, Encoding(4), tmp_path / "tokens", purpose=Purpose.PRE_TRAINING
    )
    long, short = tokenizer.encode_document("a b c d e").tokens, tokenizer.encode_document("f").tokens
    assert [tuple(dataset[number][0].tolist()) for number in range(3)] == [short, long[:4], long[3:]]
    assert [dataset[number][1].tolist() for number in range(3)] == [
        [False, True, True],
        *[[False, True, True, True]] * 2,
    ]
    assert dataset.manifest.content_hash == content_hash(tmp_path / "texts")
    assert (dataset.manifest.n_records, dataset.manifest.n_dropped) == (3, 0)


def test_a_dataset_of_which_nothing_is_left(data: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    encoding = Encoding(3, long_records=LongRecords.DROP)
    with pytest.raises(InvalidInput, match="no token that carries loss in any record; 19 longer than 3 tokens were dr"):
        tokenized.build(data, tokenizer, encoding, tmp_path / "cache" / "tokens")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_second_build_opens_what_is_there(data: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    first = tokenized.build(data, tokenizer, Encoding(30), tmp_path / "tokens")
    before = (tmp_path / "tokens" / "tokens.bin").stat()
    second = tokenized.build(data, tokenizer, Encoding(30), tmp_path / "tokens")
    assert second.manifest == first.manifest == tokenized.open(tmp_path / "tokens").manifest
    assert (tmp_path / "tokens" / "tokens.bin").stat() == before


def test_the_key_changes_with_each_of_its_parts() -> None:
    first = ("a", "b", Encoding(1), Purpose.FINE_TUNING)
    others = (
        ("c", *first[1:]),
        ("a", "c", *first[2:]),
        ("a", "b", Encoding(2), Purpose.FINE_TUNING),
        ("a", "b", Encoding(1, Turns.LAST), Purpose.FINE_TUNING),
        ("a", "b", Encoding(1, long_records=LongRecords.DROP), Purpose.FINE_TUNING),
        ("a", "b", Encoding(1), Purpose.PRE_TRAINING),
    )
    assert len({tokenized.cache_key(*parts) for parts in (first, *others)}) == 7
    assert tokenized.cache_key(*first) == tokenized.cache_key(*first)


def test_a_folder_of_something_else_is_refused(
    data: Path, tokenizer: Tokenizer, make_tokenizer: MakeTokenizer, tmp_path: Path
) -> None:
    tokenized.build(data, tokenizer, Encoding(30), tmp_path / "tokens")
    with pytest.raises(StorageFailure, match="holds the tokens of another file, tokenizer, encoding or purpose"):
        tokenized.build(data, tokenizer, Encoding(31), tmp_path / "tokens")
    with pytest.raises(StorageFailure, match="named by the cache key of these, or delete it"):
        tokenized.build(data, make_tokenizer(after=1), Encoding(30), tmp_path / "tokens")
    data.write_text(json.dumps({"prompt": "a", "completion": "b"}))
    with pytest.raises(StorageFailure, match="holds the tokens of another file"):
        tokenized.build(data, tokenizer, Encoding(30), tmp_path / "tokens")


@pytest.mark.parametrize("damage", ["missing", "short", "no manifest", "other manifest"])
def test_a_damaged_folder_is_not_opened(data: Path, tokenizer: Tokenizer, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "tokens"
    tokenized.build(data, tokenizer, Encoding(30), folder)
    if damage == "missing":
        (folder / "offsets.bin").unlink()
    elif damage == "short":
        os.truncate(folder / "tokens.bin", 8)
    elif damage == "no manifest":
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text("{}")
    with pytest.raises(StorageFailure, match=r"is not a whole tokenised dataset .* delete it, and it is built again"):
        tokenized.open(folder)


def test_a_fault_ends_the_build_and_leaves_nothing(write: Write, tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = write({"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": ""})
    with pytest.raises(InvalidInput, match=r"data\.jsonl:2: completion: found"):
        tokenized.build(path, tokenizer, Encoding(30), tmp_path / "cache" / "tokens")
    with pytest.raises(InvalidInput, match="found a completion of 2 tokens; expected at most 1"):
        tokenized.build(
            write({"prompt": "a", "completion": "b"}), tokenizer, Encoding(1), tmp_path / "cache" / "tokens"
        )
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_template_refuses_names_its_line(write: Write, make_tokenizer: MakeTokenizer, tmp_path: Path) -> None:
    path = write({"prompt": "a", "completion": "b"}, {"prompt": "no", "completion": "b"})
    with pytest.raises(InvalidInput, match=r"data\.jsonl:2: messages: found no such thing"):
        tokenized.build(path, make_tokenizer(refuses="no"), Encoding(30), tmp_path / "tokens")


def test_a_folder_that_can_not_be_written(data: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailure, match=r"tokenising .* failed \(.*\); free space or fix the folder"):
        tokenized.build(data, tokenizer, Encoding(30), tmp_path / "file" / "tokens")


def test_progress_ends_with_all_bytes(data: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    tokenized.build(data, tokenizer, Encoding(30), tmp_path / "tokens", lambda done, total: seen.append((done, total)))
    assert seen[-1] == (data.stat().st_size, data.stat().st_size)


def test_what_a_dead_build_left_is_removed_and_a_living_one_left_alone(
    data: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    dead, living, other = (tmp_path / name for name in (".tokens.1.part", ".tokens.2.part", ".others.1.part"))
    for folder in (dead, living, other):
        folder.mkdir()
        (folder / "tokens.bin").write_bytes(b"half")
    descriptor = os.open(living, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        tokenized.build(data, tokenizer, Encoding(30), tmp_path / "tokens")
    finally:
        os.close(descriptor)
    assert (dead.exists(), living.exists(), other.exists()) == (False, True, True)


def test_a_build_that_is_killed_leaves_no_dataset_and_the_next_one_ends_well(
    data: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = tmp_path / "tokens"
    process = multiprocessing.get_context("fork").Process(target=_build_and_die, args=(data, tokenizer, folder))
    process.start()
    process.join()
    assert process.exitcode == 9
    assert not folder.exists()
    assert len(list(tmp_path.glob(".tokens.*.part"))) == 1
    assert len(tokenized.build(data, tokenizer, Encoding(30), folder)) == 19
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl", "tokens"]


def _build_and_die(data: Path, tokenizer: Tokenizer, folder: Path) -> None:
    tokenized._publish = lambda *_: os._exit(9)
    tokenized.build(data, tokenizer, Encoding(30), folder)


def test_builds_at_once_both_end_well(data: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(4)

    def one() -> None:
        barrier.wait(30)
        dataset = tokenized.build(data, tokenizer, Encoding(30), tmp_path / "tokens")
        os._exit(0 if len(dataset) == 19 else 1)

    processes = [context.Process(target=one) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl", "tokens"]


def test_a_build_that_comes_second_opens_the_folder_of_the_first(
    data: Path, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tokens"
    publish = tokenized._publish

    def after_another(work: Path, target: Path) -> None:
        monkeypatch.setattr(tokenized, "_publish", publish)
        tokenized.build(data, tokenizer, Encoding(30), folder)
        publish(work, target)

    monkeypatch.setattr(tokenized, "_publish", after_another)
    assert len(tokenized.build(data, tokenizer, Encoding(30), folder)) == 19
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl", "tokens"]


def test_building_takes_little_memory(write: Write, tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = write(*[{"prompt": f"a {n} " * 100, "completion": "b " * 100} for n in range(4_000)])
    tracemalloc.start()
    dataset = tokenized.build(path, tokenizer, Encoding(1_000), tmp_path / "tokens")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "tokens" / "tokens.bin").stat().st_size > 4_000_000
    assert len(dataset) == 4_000
    assert peak < 8_000_000  # four write buffers of a mebibyte, and the arrays of lengths
