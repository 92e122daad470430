"""The same records from whatever a dataset lies in, under the hash of what lies there."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from outcrop.data.checking import check
from outcrop.data.opening import open_lines
from outcrop.data.reading import JsonLines, Line, content_hash
from outcrop.data.records import read
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.records import EvaluationRecord, Purpose

Write = Callable[..., Path]

PAIRS = [{"prompt": 'Grüße, "du"', "completion": "山\nの石"}, {"prompt": "a", "completion": "b"}]
LINES = "".join(json.dumps(pair) + "\n" for pair in PAIRS).encode()


def said(path: Path, purpose: Purpose = Purpose.FINE_TUNING) -> list[tuple[str, ...]]:
    return [
        (record.prompt, record.reference or "", record.category or "")
        if isinstance(record, EvaluationRecord)
        else tuple(message.text for message in record.messages)
        for record in read(path, purpose)
        if not hasattr(record, "text")
    ]


def parquet(path: Path, rows: list[dict[str, object]]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), path)
    return path


@pytest.fixture(params=["a.jsonl", "a.jsonl.gz", "packed", "a.csv", "a.TSV", "a.parquet"])
def file(request: pytest.FixtureRequest, write: Write, tmp_path: Path) -> Path:
    name = str(request.param)
    if name == "a.parquet":
        return parquet(tmp_path / name, [dict(pair) for pair in PAIRS])
    if name == "a.jsonl":
        return write(LINES, name=name)
    if name in ("a.jsonl.gz", "packed"):
        return write(gzip.compress(LINES[:40]) + gzip.compress(LINES[40:]), name=name)
    comma = "," if name == "a.csv" else "\t"
    rows = [["prompt", "completion"], ['"Grüße, ""du"""', '"山\nの石"'], ["a", "b"]]
    return write("".join(comma.join(row) + "\n" for row in rows).encode(), name=name)


def test_the_same_records_from_all(file: Path) -> None:
    assert said(file) == [tuple(pair.values()) for pair in PAIRS]


def test_the_hash_is_that_of_the_bytes_that_lie_there(file: Path) -> None:
    found = check(file, Purpose.FINE_TUNING)
    assert (found.n_faults, found.n_records, found.format) == (0, 2, "prompt-completion")
    assert found.content_hash == hashlib.sha256(file.read_bytes()).hexdigest() == content_hash(file)


def test_progress_ends_where_it_should(file: Path) -> None:
    seen: list[tuple[int, int]] = []
    check(file, Purpose.FINE_TUNING, progress=lambda done, total: seen.append((done, total)))
    lines = open_lines(file, Purpose.FINE_TUNING)
    assert list(lines)
    assert seen[-1] == (lines.total_bytes, lines.total_bytes)
    assert lines.n_bytes == lines.total_bytes


def test_an_empty_cell_is_a_field_left_out(write: Write, tmp_path: Path) -> None:
    cells = b"prompt,referenceResponse,category\nP,,\nP,R,C\n\nP,R,\n"
    want = [("P", "", ""), ("P", "R", "C"), ("P", "R", "")]
    assert said(write(cells, name="a.csv"), Purpose.EVALUATION) == want
    rows: list[dict[str, object]] = [
        {"prompt": prompt, "referenceResponse": reference or None, "category": category or None}
        for prompt, reference, category in want
    ]
    assert said(parquet(tmp_path / "a.parquet", rows), Purpose.EVALUATION) == want


def test_conversations_in_parquet(tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "S", "weight": None}, {"role": "user", "content": "Q", "weight": None}]
    answer = [{"role": "assistant", "content": "A", "weight": 0}, {"role": "user", "content": "Q", "weight": None}]
    last = {"role": "assistant", "content": "B", "weight": 1}
    rows: list[dict[str, object]] = [{"messages": [*talk, *answer, last]}, {"messages": [talk[1], last]}]
    path = parquet(tmp_path / "a.parquet", rows)
    assert said(path) == [("S", "Q", "A", "Q", "B"), ("Q", "B")]
    assert check(path, Purpose.FINE_TUNING).format == "openai-messages"


def test_a_line_of_a_table_names_its_faults(write: Write) -> None:
    path = write(b"prompt,completion\na,b\na,\n", name="a.csv")
    (fault,) = check(path, Purpose.FINE_TUNING).faults
    assert str(fault) == f'{path}:3: completion: found no such field; expected a text in "completion"'


def test_a_value_that_json_does_not_have(tmp_path: Path) -> None:
    (fault,) = check(parquet(tmp_path / "a.parquet", [{"text": b"x"}]), Purpose.PRE_TRAINING).faults
    assert (fault.line, fault.found) == (1, "a value of the type bytes")


@pytest.mark.parametrize("damage", ["cut off", "turned", "garbage after it", "no gzip at all"])
def test_damaged_gzip_is_one_fault(write: Write, damage: str) -> None:
    whole = gzip.compress(b"".join(b'{"prompt": "%d", "completion": "b"}\n' % n for n in range(9_999)), mtime=0)
    content = {
        "cut off": whole[:-20],
        "turned": whole[:300] + bytes(byte ^ 255 for byte in whole[300:310]) + whole[310:],
        "garbage after it": whole + b"garbage",
        "no gzip at all": b"\x1f\x8b\x08\x00rest",
    }[damage]
    found = check(write(content, name="a.jsonl.gz"), Purpose.FINE_TUNING)
    assert found.n_faults >= 1
    assert found.faults[-1].found.startswith("gzip data that is cut off or damaged (")
    assert found.faults[-1].expected == "a whole gzip file: write or copy it again"
    assert found.content_hash == ""


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"\x00", "binary data"),
        (b"[\n", "one JSON list"),
        (gzip.compress(b"{}", mtime=0), "gzip-compr"),
    ],
)
def test_what_is_packed_is_looked_at_too(write: Write, content: bytes, found: str) -> None:
    (fault,) = JsonLines(write(gzip.compress(content), name="a.jsonl.gz"))
    assert isinstance(fault, Fault)
    assert fault.found.startswith(found)


def test_a_bomb_does_not_fill_memory(write: Write) -> None:
    path = write(gzip.compress(b'{"prompt": "' + b" " * 200_000_000 + b'"}\n' + LINES, 9), name="a.jsonl.gz")
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    items = list(JsonLines(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(items[0], Fault)
    assert items[0].found == "a line of 200,000,014 bytes"
    assert [isinstance(item, Line) for item in items] == [False, True, True]
    assert peak < 30_000_000


def test_a_damaged_table_is_not_read(write: Write) -> None:
    for name, content in (("a.parquet", b"PAR1 no"), ("b.csv", b'prompt,completion\n"a')):
        found = check(write(content, name=name), Purpose.FINE_TUNING)
        assert (found.n_faults, found.content_hash) == (1, "")
    with pytest.raises(InvalidInput, match='the column "a" twice'):
        list(read(write(b"a,a\n1,2\n", name="c.csv"), Purpose.FINE_TUNING))
