"""Reading tables, as JSON Lines, CSV, TSV, Parquet or plain text: a row for each line, or what is wrong with it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, Protocol

from outcrop.data.faults import place, shown
from outcrop.data.reading import JsonLines, Line
from outcrop.domain.errors import Fault, MissingExtra

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
        for response, reference in zip_longest(self._responses, self._references):
            if response is None or reference is None:
                longer, shorter = (self._references, self._responses)[:: -1 if reference is None else 1]
                expected = f"a line for each line of {shorter.where}"
                yield Fault(longer.where, None, "", "more lines than there", expected)
                return
            if isinstance(response, Fault) or isinstance(reference, Fault):
                yield response if isinstance(response, Fault) else reference
            else:
                yield Line(response.number, {**response.value, "reference": reference.value.get("prediction")})


class _File:
    """What the passes have in common: a file that may not be readable."""

    def __init__(self, path: Path, name: str = "") -> None:
        self.path = path
        self.where = name or place(path)
        self.n_bytes = 0
        self.total_bytes = 0

    def __iter__(self) -> Iterator[Line | Fault]:
        try:
            self.total_bytes = self.path.stat().st_size
            yield from self._rows()
        except OSError as error:
            yield self._fault(None, f"no file that can be read ({error.strerror or error})", "the path of a table")
        except UnicodeDecodeError as error:
            found = f"a byte that isn't UTF-8 (0x{error.object[error.start]:02x})"
            yield self._fault(None, found, "UTF-8: save it as UTF-8")

    def _rows(self) -> Iterator[Line | Fault]:
        raise NotImplementedError

    def _fault(self, line: int | None, found: str, expected: str) -> Fault:
        return Fault(self.where, line, "", found, expected)


class CsvTable(_File):
    """A pass over a CSV file with a header; cells are texts, and an empty one is an empty text."""

    delimiter = ","

    def _rows(self) -> Iterator[Line | Fault]:
        csv.field_size_limit(_LONGEST_FIELD)
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(self._counted(file), delimiter=self.delimiter, strict=True)
            try:
                header = next(reader, [])
                problem = _header_problem(header)
                if problem is not None:
                    yield self._fault(1, *problem)
                    return
                for cells in reader:
                    if cells:
                        yield self._row(reader.line_num, header, cells)
            except csv.Error as error:
                yield self._fault(reader.line_num, f"no CSV ({error})", "quotes that end, and a delimiter after them")

    def _counted(self, file: Any) -> Iterator[str]:
        for line in file:
            self.n_bytes += len(line)
            yield line

    def _row(self, number: int, header: list[str], cells: list[str]) -> Line | Fault:
        if len(cells) != len(header):
            return self._fault(number, f"{len(cells)} cells", f"{len(header)}, as the header has")
        return Line(number, dict(zip(header, cells, strict=True)))


class TsvTable(CsvTable):
    """The same with tabs."""

    delimiter = "\t"


class TextTable(_File):
    """A pass over plain text: each line is a response."""

    def _rows(self) -> Iterator[Line | Fault]:
        with self.path.open(encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, 1):
                self.n_bytes += len(line)
                yield Line(number, {"prediction": line.rstrip("\r\n")})


class ParquetTable(_File):
    """A pass over a Parquet file; a line is a row, counted from 1, and progress goes by rows."""

    def __init__(self, path: Path, name: str = "") -> None:
        super().__init__(path, name)
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise MissingExtra(
                f"{self.where}: Parquet needs pyarrow, which is not installed: pip install 'outcrop[parquet]'"
            ) from error
        self._open: Callable[[Path], Any] = parquet.ParquetFile

    def _rows(self) -> Iterator[Line | Fault]:
        from pyarrow import ArrowException

        try:
            with self._open(self.path) as file:
                self.total_bytes = file.metadata.num_rows
                for batch in file.iter_batches(batch_size=_BATCH):
                    for row in batch.to_pylist():
                        self.n_bytes += 1
                        yield Line(self.n_bytes, row)
        except ArrowException as error:
            yield self._fault(None, f"no Parquet file that can be read ({error})", "a whole Parquet file")


_KINDS: dict[str, Callable[..., Table]] = {
    ".csv": CsvTable,
    ".tsv": TsvTable,
    ".txt": TextTable,
    ".parquet": ParquetTable,
}


def _header_problem(header: list[str]) -> tuple[str, str] | None:
    if not header:
        return "no header", "the names of the columns in the first line"
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        return f"the column {shown(twice[0])} twice", "each column once"
    return None
