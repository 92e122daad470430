from __future__ import annotations

import gzip
import itertools
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.data.conversion import convert, format_named
from outcrop.data.formats import FORMATS
from outcrop.data.reading import LONGEST_LINE
from outcrop.data.records import read
from outcrop.domain.errors import AlreadyExists, InvalidInput, StorageFailure
from outcrop.domain.records import Purpose, Record
from tests.data.formats.test_writing import CAN_SAY, PURPOSES

Write = Callable[..., Path]

TALK = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
FLAT = [name for name in CAN_SAY if all(kind is str for kind in format_named(name)[0].SHAPE.values())]
KINDS = [
    *itertools.product(CAN_SAY, [".jsonl", ".jsonl.gz", ".parquet"]),
    *((name, ".csv") for name in FLAT),
]


def content(record: Record) -> tuple[object, ...]:
    return tuple(value for name, value in vars(record).items() if name != "line")


@pytest.mark.parametrize(("name", "ending"), KINDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_goes_into_a_file_comes_out(name: str, ending: str, data: st.DataObject) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    records = data.draw(st.lists(CAN_SAY[name], min_size=1, max_size=4))
    form, purpose = format_named(name)
    with tempfile.TemporaryDirectory() as folder:
        source, target, back = (Path(folder) / part for part in ("source.jsonl", f"target{ending}", "back.jsonl"))
        source.write_text("".join(json.dumps(form.write(record)) + "\n" for record in records))
        made = convert(source, purpose, target, form)
        assert (made.n_records, made.n_faults, made.target_format) == (len(records), 0, name)
        assert list(map(content, read(target, purpose))) == list(map(content, records))
        convert(target, purpose, back, form)
        assert list(map(content, read(back, purpose))) == list(map(content, records))


def test_every_format_is_known_by_its_name() -> None:
    assert {name: format_named(name)[1] for name in PURPOSES} == PURPOSES
    with pytest.raises(InvalidInput, match=r"format: found 'chat'; expected one of prompt-completion, messages, "):
        format_named("chat")
    assert len(PURPOSES) == sum(map(len, FORMATS.values()))


def test_a_conversation_from_one_format_to_another(write: Write, tmp_path: Path) -> None:
    source = write({"system": "S", "messages": TALK * 2})
    made = convert(source, Purpose.FINE_TUNING, tmp_path / "out.jsonl", format_named("sharegpt")[0])
    assert (made.source_format, made.target_format, made.n_records) == ("messages", "sharegpt", 1)
    turns = [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]
    written = json.loads((tmp_path / "out.jsonl").read_text())
    assert written == {"conversations": [{"from": "system", "value": "S"}, *turns * 2]}


def test_every_fault_is_listed_and_nothing_written(write: Write, tmp_path: Path) -> None:
    source = write({"messages": TALK}, {"messages": TALK * 2}, {"messages": []}, {"system": "S", "messages": TALK})
    with pytest.raises(InvalidInput) as caught:
        convert(source, Purpose.FINE_TUNING, tmp_path / "out.csv", format_named("alpaca")[0])
    assert [(fault.where, fault.line) for fault in caught.value.faults] == [(str(source), line) for line in (2, 3, 4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl"]


def test_what_is_faulty_can_be_skipped(write: Write, tmp_path: Path) -> None:
    source = write({"messages": TALK}, {"messages": TALK * 2}, {"messages": TALK})
    form = format_named("prompt-completion")[0]
    made = convert(source, Purpose.FINE_TUNING, tmp_path / "out.csv", form, skip_faulty=True)
    assert (made.n_records, made.n_faults, [fault.line for fault in made.faults]) == (2, 1, [2])
    assert (tmp_path / "out.csv").read_text() == '"prompt","completion"\n"Q","A"\n"Q","A"\n'


@pytest.mark.parametrize("content", [b"", b'{"text": ""}\n', gzip.compress(b'{"text": "a"}\n' * 9_999)[:-9]])
def test_what_can_not_be_read_is_not_skipped(write: Write, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidInput):
        convert(write(content), Purpose.PRE_TRAINING, tmp_path / "out.jsonl", format_named("text")[0], skip_faulty=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl"]


def test_a_folder_of_texts_becomes_a_file(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "b.md").write_text("# B\n")
    (tmp_path / "texts" / "a.txt").write_text("A")
    (tmp_path / "texts" / "big.txt").write_text("x" * LONGEST_LINE)
    form = format_named("input")[0]
    with pytest.raises(InvalidInput, match=r"texts/big\.txt: found a record of 4,194,318 bytes in its line"):
        convert(tmp_path / "texts", Purpose.PRE_TRAINING, tmp_path / "out.jsonl", form)
    (tmp_path / "texts" / "big.txt").unlink()
    convert(tmp_path / "texts", Purpose.PRE_TRAINING, tmp_path / "out.jsonl", form)
    assert (tmp_path / "out.jsonl").read_text() == '{"input": "A"}\n{"input": "# B\\n"}\n'


def test_the_same_records_make_the_same_packed_bytes(write: Write, tmp_path: Path) -> None:
    source = write({"text": "a"})
    for name in ("one.jsonl.gz", "two.jsonl.gz"):
        convert(source, Purpose.PRE_TRAINING, tmp_path / name, format_named("text")[0])
    assert (tmp_path / "one.jsonl.gz").read_bytes() == (tmp_path / "two.jsonl.gz").read_bytes()


def test_a_target_that_can_not_be(write: Write, tmp_path: Path) -> None:
    source, text, messages = write({"text": "a"}), format_named("text")[0], format_named("messages")[0]
    with pytest.raises(InvalidInput, match=r"the name out\.json; expected a name that ends in \.jsonl, \.jsonl\.gz, "):
        convert(source, Purpose.PRE_TRAINING, tmp_path / "out.json", text)
    with pytest.raises(InvalidInput, match=r"CSV for the messages format; expected jsonl, jsonl\.gz or parquet"):
        convert(source, Purpose.FINE_TUNING, tmp_path / "out.csv", messages)
    with pytest.raises(AlreadyExists, match=r"data\.jsonl: is there already; choose another name"):
        convert(source, Purpose.PRE_TRAINING, source, text)
    with pytest.raises(StorageFailure, match=r"out\.jsonl: can't be written"):
        convert(source, Purpose.PRE_TRAINING, source / "out.jsonl", text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl"]


def test_a_full_disk_leaves_nothing(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailure, match="No space left on device"):
        convert(write({"text": "a"}), Purpose.PRE_TRAINING, tmp_path / "out.jsonl", format_named("text")[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.jsonl"]
