"""Tables in every format: the same rows, and a fault with its line for what can't be read."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from outcrop.data import tables
from outcrop.data.reading import LONGEST_LINE, Line
from outcrop.data.tables import Table, open_paired, open_table
from outcrop.domain.errors import Fault, InvalidInput, MissingExtra

Write = Callable[..., Path]

#: With a comma, a quote, a line break and another alphabet.
ROWS = [
    {"prediction": 'He said "no", then', "reference": "Он сказал нет"},
    {"prediction": "", "reference": "two\nlines"},
]


def lines(table: Table) -> list[tuple[int, object]]:
    found = list(table)
    assert all(isinstance(each, Line) for each in found), found
    return [(each.number, each.value) for each in found if isinstance(each, Line)]


def faults(table: Table) -> list[str]:
    return [str(each).partition(table.where)[2] for each in table if isinstance(each, Fault)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'prediction,reference\n"He said ""no"", then",Он сказал нет\n\n,"two\nlines"\n'),
        ("a.TSV", '﻿prediction\treference\r\n"He said ""no"", then"\tОн сказал нет\r\n\r\n\t"two\nlines"\r\n'),
    ],
)
def test_delimited(write: Write, name: str, content: str) -> None:
    table = open_table(write(content.encode(), name=name))
    assert lines(table) == [(2, ROWS[0]), (4, ROWS[1])]
    assert table.n_bytes == table.total_bytes == len(content.encode())


def test_json_lines_whatever_the_name(write: Write) -> None:
    for name in ("a.jsonl", "a.json", "a"):
        assert lines(open_table(write(*ROWS, name=name))) == [(1, ROWS[0]), (2, ROWS[1])]


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [*map(dict, ROWS), {"prediction": None, "reference": None}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    # Smaller than the file, so that rows are counted over parts.
    monkeypatch.setattr(tables, "_BATCH", 2)
    table = open_table(tmp_path / "a.parquet")
    assert lines(table) == list(enumerate(rows, 1))
    assert table.n_bytes == table.total_bytes == 3


def test_text_is_paired_with_its_references(write: Write) -> None:
    responses = write(b"a\r\n\nc d", name="said.de")
    references = write("\ufeffa\nб\nc".encode(), name="right.de")
    table = open_paired(responses, references)
    assert lines(table) == [
        (1, {"prediction": "a", "reference": "a"}),
        (2, {"prediction": "", "reference": "б"}),
        (3, {"prediction": "c d", "reference": "c"}),
    ]
    assert table.n_bytes == table.total_bytes == 7 + 9
    assert lines(open_table(write(b"a\n", name="a.txt"))) == [(1, {"prediction": "a"})]


def test_references_replace_a_column(write: Write) -> None:
    table = open_paired(write({"prediction": "a", "reference": "old"}), write(b"new\n", name="r.txt"))
    assert lines(table) == [(1, {"prediction": "a", "reference": "new"})]


def test_references_are_no_table(write: Write) -> None:
    with pytest.raises(InvalidInput, match=r"r\.CSV: found a name that ends in \.csv; expected plain text"):
        open_paired("a.txt", write(b"a\n", name="r.CSV"))


@pytest.mark.parametrize(
    ("said", "right", "told"),
    [
        (b"a\nb\nc\n", b"a\n", "said.txt:2: found a line with none beside it in TMP/right.txt; expected as many"),
        (b"a\n", b"a\nb\n", "right.txt:2: found a line with none beside it in TMP/said.txt; expected as many"),
        (b"a\nb\n", b"\xff\nb\n", "right.txt:1: found a byte that isn't UTF-8 (0xff); expected UTF-8"),
    ],
)
def test_unequal_texts(write: Write, tmp_path: Path, said: bytes, right: bytes, told: str) -> None:
    found = list(open_paired(write(said, name="said.txt"), write(right, name="right.txt")))
    [fault] = [each for each in found if isinstance(each, Fault)]
    assert str(fault).replace(str(tmp_path), "TMP").startswith(f"TMP/{told}")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", [":1: found no header; expected the names of the columns in the first line"]),
        (b"a,b,a\n", [':1: found the column "a" twice; expected each column once']),
        (
            b"a,b\n1\n2,3\n4,5,6\n",
            [
                ":2: found 1 cell; expected 2, as the header has",
                ":4: found 3 cells; expected 2, as the header has",
            ],
        ),
        (
            b'a,b\n1,2\n"3\n4,5\n6,7\n',
            [
                ":3: found a row that is no CSV (unexpected end of data); "
                "expected quotes that end, and a delimiter after them"
            ],
        ),
        (b"a,b\n1,2\n3,caf\xe9\n4,5\n", [":3: found a byte that isn't UTF-8 (0xe9); expected UTF-8: save it as UTF-8"]),
    ],
)
def test_what_is_no_csv(write: Write, content: bytes, told: list[str]) -> None:
    assert faults(open_table(write(content, name="a.csv"))) == told


def test_an_unclosed_quote_does_not_swallow_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_LONGEST_FIELD", 1_000)
    table = open_table(write(b'a,b\n1,2\n"' + b"words, and more\n" * 10_000, name="a.csv"))
    [told] = faults(table)
    assert told.startswith(":3: found a row that is no CSV (field larger than field limit (1000))")
    assert table.n_bytes < 2_000


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_a_line_without_end_is_not_held_in_memory(write: Write, name: str) -> None:
    table = open_table(write(b"a\n" + b"x" * (LONGEST_LINE + 2), name=name))
    assert faults(table) == [
        ":2: found a line of more than 4,194,304 bytes; expected at most 4,194,304 bytes in a line"
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.parquet"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    missing = "found no file that can be read (No such file or directory); expected the path of a table"
    assert faults(open_table(tmp_path / name)) == [f": {missing}"]
    (tmp_path / name).mkdir()
    assert faults(open_table(tmp_path / name)) == [
        ": found a folder; expected a regular file: it is read more than once"
    ]
    (tmp_path / name).rmdir()
    os.mkfifo(tmp_path / name)
    assert faults(open_table(tmp_path / name))[0].startswith(": found a pipe or a device; expected a regular file")


@pytest.mark.parametrize("damage", ["empty", "cut off", "overwritten"])
def test_what_is_no_parquet(tmp_path: Path, damage: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"a": ["text"] * 100}), path)
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "cut off": whole[:100], "overwritten": whole[:4] + bytes(60) + whole[64:]}[damage])
    [told] = faults(open_table(path))
    assert told.startswith(": found no Parquet file that can be read (")
    assert told.endswith("expected a whole Parquet file")


def test_parquet_needs_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def without(name: str, *others: object) -> object:
        if name == "pyarrow":
            raise ImportError(name)
        return there(name, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"a\.parquet: Parquet needs pyarrow.*outcrop\[parquet\]"):
        open_table(tmp_path / "a.parquet")
