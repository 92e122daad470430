"""Reading tables, as JSON Lines, CSV, TSV, Parquet or plain text: a row for each line, or what is wrong with it."""

from __future__ import annotations

import csv
import hashlib
import stat
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from outcrop.data.faults import place
from outcrop.data.reading import LONGEST_LINE, JsonLines, Line, content_hash
from outcrop.domain.errors import Fault, InvalidInput, MissingExtra
from outcrop.domain.faults import shown

#: Rows of a Parquet file that are in memory at once.
_BATCH = 1024

#: Characters that a field of a CSV file may have; csv's own limit is meant for another age.
_LONGEST_FIELD = 1 << 24


class Table(Protocol):
    """One pass over a table: iterate it for a ``Line``, whose value is the row by column, or a ``Fault``.

    Promises: nothing that is in the file raises; memory does not grow with the file.
    """

    @property
    def where(self) -> str:
        """The file as faults name it."""
        ...

    @property
    def n_bytes(self) -> int:
        """How many bytes, or other units of progress, were read so far."""
        ...

    @property
    def total_bytes(self) -> int:
        """How many there are."""
        ...

    def __iter__(self) -> Iterator[Line | Fault]:
        """The rows, in the order of the file."""
        ...


def open_table(path: Path | str, name: str = "") -> Table:
    """A pass over a table, in the format that its name ends in: JSON Lines unless csv, tsv, parquet or txt.

    A line of plain text is a row with the one column ``prediction``.

    Args:
        path: The file; one that is not there is a fault of the pass.
        name: What to call it in faults; its path where empty.

    Raises:
        MissingExtra: It is a Parquet file, and pyarrow is not installed.
    """
    kind = _KINDS.get(Path(path).suffix.lower(), JsonLines)
    return kind(Path(path), name=name)


def open_paired(responses: Path | str, references: Path | str) -> Table:
    """A pass over responses whose references are the lines of a plain text.

    Args:
        responses: A table, or plain text where its name ends as no table's does.
        references: Plain text; a line is the ``reference`` of the response in the same place.

    Raises:
        InvalidInput: The name of the references ends as a table's does.
        MissingExtra: As ``open_table``.
    """
    ending = Path(references).suffix.lower()
    if ending in _KINDS and ending != ".txt":
        expected = "plain text, a reference a line; a table has its references in a column"
        raise InvalidInput([Fault(place(Path(references)), None, "", f"a name that ends in {ending}", expected)])
    kind = _KINDS.get(Path(responses).suffix.lower(), TextTable)
    return PairedTable(kind(Path(responses)), TextTable(Path(references)))


class PairedTable:
    """A table of responses whose references are the lines of another file."""

    def __init__(self, responses: Table, references: Table) -> None:
        self._responses, self._references = responses, references
        self.where = responses.where

    @property
    def n_bytes(self) -> int:
        """How many bytes of both were read so far."""
        return self._responses.n_bytes + self._references.n_bytes

    @property
    def total_bytes(self) -> int:
        """How many both have."""
        return self._responses.total_bytes + self._references.total_bytes

    def __iter__(self) -> Iterator[Line | Fault]:
        faulty = False
        for response, reference in zip_longest(self._responses, self._references):
            if isinstance(response, Line) and isinstance(reference, Line):
                yield Line(response.number, {**response.value, "reference": reference.value["prediction"]})
            elif isinstance(response, Fault) or isinstance(reference, Fault):
                faulty = True
                yield from (each for each in (response, reference) if isinstance(each, Fault))
            else:
                # A pass may end early because of a fault, which has been told.
                if not faulty:
                    yield self._unequal(response, reference)
                return

    def _unequal(self, response: Line | None, reference: Line | None) -> Fault:
        longer, shorter = self._responses, self._references
        if response is None:
            longer, shorter = shorter, longer
        number = next(line.number for line in (response, reference) if line is not None)
        return Fault(
            longer.where, number, "", f"a line with none beside it in {shorter.where}", "as many in both files"
        )


class _File:
    """What the passes have in common: a file that may not be readable.

    ``sparse`` leaves out of a row what is empty or null.
    """

    def __init__(self, path: Path, name: str = "", *, sparse: bool = False) -> None:
        self.path = path
        self.where = name or place(path)
        self.n_bytes = 0
        self.total_bytes = 0
        self.n_blank = 0
        self._sparse = sparse
        self._digest = hashlib.sha256()
        self._complete = False

    @property
    def content_hash(self) -> str:
        """SHA-256 of the file as this pass read it, in hex; "" unless the pass came to the end."""
        return self._digest.hexdigest() if self._complete else ""

    def located(self, fault: Fault) -> Fault:
        """The fault as it is: it names the line."""
        return fault

    def __iter__(self) -> Iterator[Line | Fault]:
        try:
            status = self.path.stat()
            if stat.S_ISREG(status.st_mode):
                self.total_bytes = status.st_size
                yield from self._rows()
            else:
                found = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
                yield self._fault(None, found, "a regular file: it is read more than once")
        except OSError as error:
            yield self._fault(None, f"no file that can be read ({error.strerror or error})", "the path of a table")
        except _Unreadable as unreadable:
            yield unreadable.fault

    def _rows(self) -> Iterator[Line | Fault]:
        raise NotImplementedError

    def _texts(self, file: BinaryIO) -> Iterator[str]:
        """The lines of a text.

        Raises:
            _Unreadable: A line is no UTF-8, or too long to be held in memory.
        """
        number = 0
        while raw := file.readline(LONGEST_LINE + 1):
            number += 1
            self._digest.update(raw)
            self.n_bytes += len(raw)
            if len(raw) > LONGEST_LINE:
                expected = f"at most {LONGEST_LINE:,} bytes in a line"
                raise _Unreadable(self._fault(number, f"a line of more than {LONGEST_LINE:,} bytes", expected))
            try:
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                found = f"a byte that isn't UTF-8 (0x{error.object[error.start]:02x})"
                raise _Unreadable(self._fault(number, found, "UTF-8: save it as UTF-8")) from error

    def _fault(self, line: int | None, found: str, expected: str) -> Fault:
        return Fault(self.where, line, "", found, expected)


class _Unreadable(Exception):
    """A line after which no other can be read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class CsvTable(_File):
    """A pass over a CSV file with a header; cells are texts, and an empty one is an empty text."""

    delimiter = ","

    def _rows(self) -> Iterator[Line | Fault]:
        csv.field_size_limit(_LONGEST_FIELD)
        with self.path.open("rb") as file:
            reader = csv.reader(self._texts(file), delimiter=self.delimiter, strict=True)
            before = 0
            try:
                header = next(reader, [])
                problem = _header_problem(header)
                if problem is not None:
                    yield self._fault(1, *problem)
                    return
                before = reader.line_num
                for cells in reader:
                    if cells:
                        yield self._row(before + 1, header, cells)
                    else:
                        self.n_blank += 1
                    before = reader.line_num
                self._complete = True
            except csv.Error as error:
                found = f"a row that is no CSV ({error})"
                yield self._fault(before + 1, found, "quotes that end, and a delimiter after them")

    def _row(self, number: int, header: list[str], cells: list[str]) -> Line | Fault:
        if len(cells) != len(header):
            found = f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"
            return self._fault(number, found, f"{len(header)}, as the header has")
        row: dict[str, object] = dict(zip(header, cells, strict=True))
        return Line(number, {name: cell for name, cell in row.items() if cell != ""} if self._sparse else row)


class TsvTable(CsvTable):
    """The same with tabs."""

    delimiter = "\t"


class TextTable(_File):
    """A pass over plain text: each line is a response."""

    def _rows(self) -> Iterator[Line | Fault]:
        with self.path.open("rb") as file:
            for number, line in enumerate(self._texts(file), 1):
                yield Line(number, {"prediction": line.rstrip("\r\n")})
        self._complete = True


class ParquetTable(_File):
    """A pass over a Parquet file; a line is a row, counted from 1, and progress goes by rows."""

    def __init__(self, path: Path, name: str = "", *, sparse: bool = False) -> None:
        super().__init__(path, name, sparse=sparse)
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise MissingExtra(
                f"{self.where}: Parquet needs pyarrow, which is not installed: pip install 'outcrop[parquet]'"
            ) from error
        self._open: Callable[[Path], Any] = parquet.ParquetFile
        self._changed: tuple[int, int] = (0, 0)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the file, which is read once more; "" unless the pass came to the end and the file stayed."""
        return content_hash(self.path) if self._complete and self._mark() == self._changed else ""

    def _rows(self) -> Iterator[Line | Fault]:
        from pyarrow import ArrowException

        try:
            self._changed = self._mark()
            with self._open(self.path) as file:
                self.total_bytes = file.metadata.num_rows
                for batch in file.iter_batches(batch_size=_BATCH):
                    for row in batch.to_pylist():
                        self.n_bytes += 1
                        yield Line(self.n_bytes, _without_nulls(row) if self._sparse else row)
            self._complete = True
        except (ArrowException, OSError) as error:
            yield self._fault(None, f"no Parquet file that can be read ({error})", "a whole Parquet file")

    def _mark(self) -> tuple[int, int]:
        status = self.path.stat()
        return status.st_mtime_ns, status.st_size


_KINDS: dict[str, Callable[..., Table]] = {
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".json": JsonLines,
    ".csv": CsvTable,
    ".tsv": TsvTable,
    ".txt": TextTable,
    ".parquet": ParquetTable,
}


def _without_nulls(value: Any) -> Any:
    """A value without the fields that are null: a Parquet file has all fields of a column in every row."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _header_problem(header: list[str]) -> tuple[str, str] | None:
    if not header:
        return "no header", "the names of the columns in the first line"
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        return f"the column {shown(twice[0])} twice", "each column once"
    return None
