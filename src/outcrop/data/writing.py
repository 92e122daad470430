"""Writing the records of a format as JSON Lines, packed or not, CSV or Parquet: whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from outcrop.data.faults import place
from outcrop.data.formats import Format
from outcrop.data.reading import LONGEST_LINE, JsonObject
from outcrop.domain.errors import AlreadyExists, Fault, InvalidInput, MissingExtra, StorageFailure

Write = Callable[[JsonObject], None]
"""Writes one record."""

#: Rows of a Parquet file that are in memory at once.
_BATCH = 1024


@contextmanager
def open_target(target: Path, form: Format) -> Iterator[Write]:
    """A new file to write records to, in what its name ends in; it is there once the block ends well, and not before.

    What is given to the function raises ``InvalidInput``, without a place, where a line would be too long to be read.

    Raises:
        InvalidInput: No file can have that ending, or the format's records don't fit into a table of texts.
        AlreadyExists: Something has that name.
        MissingExtra: It is to be a Parquet file, and pyarrow is not installed.
        StorageFailure: It can't be written; nothing is left.
    """
    opened = _kind(target, form)
    if target.exists() or target.is_symlink():
        raise AlreadyExists(f"{place(target)}: is there already; choose another name, or remove it")
    aside = target.parent / f".{target.name}.{uuid.uuid4().hex}.part"
    try:
        with aside.open("xb") as file:
            with opened(file, form) as write:
                yield write
            file.flush()
            os.fsync(file.fileno())
        aside.rename(target)
    except OSError as error:
        raise StorageFailure(f"{place(target)}: can't be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _kind(target: Path, form: Format) -> Callable[[BinaryIO, Format], Any]:
    name = target.name.lower()
    ending = next((ending for ending in _KINDS if name.endswith(ending)), None)
    if ending is None:
        found, expected = f"the name {target.name}", f"a name that ends in {', '.join(_KINDS)}"
        raise InvalidInput([Fault("target", None, "", found, expected)])
    if ending == ".csv" and any(kind is not str for kind in form.SHAPE.values()):
        expected = "jsonl, jsonl.gz or parquet: a cell of a CSV file is one text"
        raise InvalidInput([Fault("target", None, "", f"CSV for the {form.NAME} format", expected)])
    return _KINDS[ending]


@contextmanager
def _json_lines(file: BinaryIO, form: Format) -> Iterator[Write]:
    def write(value: JsonObject) -> None:
        file.write(_bounded(json.dumps(value, ensure_ascii=False).encode() + b"\n"))

    yield write


@contextmanager
def _packed(file: BinaryIO, form: Format) -> Iterator[Write]:
    # Without a name and a time in it, the same records make the same bytes.
    with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed, _json_lines(packed, form) as write:  # type: ignore[arg-type]
        yield write


@contextmanager
def _csv(file: BinaryIO, form: Format) -> Iterator[Write]:
    line = io.StringIO()
    writer = csv.DictWriter(line, list(form.SHAPE), quoting=csv.QUOTE_ALL, lineterminator="\n")

    def flush() -> None:
        file.write(_bounded(line.getvalue().encode()))
        line.seek(0)
        line.truncate()

    def write(value: JsonObject) -> None:
        writer.writerow(value)
        flush()

    writer.writeheader()
    flush()
    yield write


@contextmanager
def _parquet(file: BinaryIO, form: Format) -> Iterator[Write]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("Parquet needs pyarrow, which is not installed: pip install 'outcrop[parquet]'") from error
    schema = pyarrow.schema(_arrow(pyarrow, form.SHAPE))
    rows: list[JsonObject] = []

    def write(value: JsonObject) -> None:
        rows.append(value)
        if len(rows) == _BATCH:
            flush()

    def flush() -> None:
        batch.write_table(pyarrow.Table.from_pylist(rows, schema))
        rows.clear()

    with parquet.ParquetWriter(file, schema) as batch:
        yield write
        flush()


_KINDS: dict[str, Callable[[BinaryIO, Format], Any]] = {
    ".jsonl": _json_lines,
    ".jsonl.gz": _packed,
    ".csv": _csv,
    ".parquet": _parquet,
}


def _arrow(pyarrow: Any, shape: Any) -> Any:
    """A shape as Arrow has it: a type, or the fields of an object."""
    if isinstance(shape, dict):
        return [(name, _arrow_type(pyarrow, inner)) for name, inner in shape.items()]
    return pyarrow.list_(_arrow_type(pyarrow, shape[0])) if isinstance(shape, list) else _PLAIN[shape](pyarrow)


def _arrow_type(pyarrow: Any, shape: Any) -> Any:
    found = _arrow(pyarrow, shape)
    return pyarrow.struct(found) if isinstance(shape, dict) else found


_PLAIN: dict[type, Callable[[Any], Any]] = {str: lambda arrow: arrow.string(), int: lambda arrow: arrow.int64()}


def _bounded(raw: bytes) -> bytes:
    if len(raw) > LONGEST_LINE:
        expected = f"at most {LONGEST_LINE:,}, as they are read: take the record apart, or write Parquet"
        raise InvalidInput([Fault("", None, "", f"a record of {len(raw):,} bytes in its line", expected)])
    return raw
