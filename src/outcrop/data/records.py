"""Reading a dataset as records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, overload

from outcrop.data import formats
from outcrop.data.columns import ColumnMap, rename
from outcrop.data.formats import Format
from outcrop.data.opening import open_lines
from outcrop.data.reading import Line
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.records import EvaluationRecord, Purpose, Record, TextRecord, TrainingRecord


class RecordReader:
    """One pass over a dataset: iterate it for each record, or for what is wrong with it. Nothing in the file raises.

    With ``columns`` a row's columns are read as the fields of evaluation records that they name.

    Attributes:
        lines: The pass over the file or folder, with its counts and content hash.

    Raises:
        MissingExtra: It is a Parquet file, and pyarrow is not installed.
    """

    def __init__(self, path: Path | str, purpose: Purpose, name: str = "", columns: ColumnMap | None = None) -> None:
        self.lines = open_lines(path, purpose, name)
        self._purpose = purpose
        self._columns = columns
        self._forms: tuple[Format, ...] = ()

    @property
    def format(self) -> Format | None:
        """The format that the records so far decided; None before the first."""
        return self._forms[0] if self._forms else None

    def __iter__(self) -> Iterator[Record | Fault]:
        for line in self._rows():
            if isinstance(line, Fault):
                yield line
                continue
            if not self._forms:
                found = formats.detect(line.value, self._purpose, line.number, self.lines.where)
                if isinstance(found, Fault):
                    yield self.lines.located(found)
                    return
                self._forms = found
            elif len(self._forms) > 1:
                self._forms = formats.narrowed(self._forms, line.value)
            record = formats.parse(line.value, self._forms[0], line.number, self.lines.where)
            if isinstance(record, list):
                yield from map(self.lines.located, record)
            else:
                yield record

    def _rows(self) -> Iterator[Line | Fault]:
        """The lines, with the fields that their columns are read as."""
        if self._columns is None:
            yield from self.lines
            return
        met: set[str] = set()
        for line in self.lines:
            if isinstance(line, Fault):
                yield line
                continue
            met |= self._columns.columns_in(line.value)
            renamed = rename(line, self._columns, self.lines.where)
            if isinstance(renamed, list):
                yield from map(self.lines.located, renamed)
            else:
                yield renamed
        yield from self._columns.unmet(met, self.lines.where)


@overload
def read(path: Path | str, purpose: Literal[Purpose.FINE_TUNING]) -> Iterator[TrainingRecord]: ...


@overload
def read(path: Path | str, purpose: Literal[Purpose.PRE_TRAINING]) -> Iterator[TextRecord]: ...


@overload
def read(
    path: Path | str, purpose: Literal[Purpose.EVALUATION], columns: ColumnMap | None = None
) -> Iterator[EvaluationRecord]: ...


@overload
def read(path: Path | str, purpose: Purpose) -> Iterator[Record]: ...


def read(path: Path | str, purpose: Purpose, columns: ColumnMap | None = None) -> Iterator[Record]:
    """The records of a dataset that has been checked, streamed in the order of the file.

    ``columns`` are what it was checked with.

    Raises:
        InvalidInput: A fault is met while iterating: the file was not checked, or has changed since.
    """
    for item in RecordReader(path, purpose, columns=columns):
        if isinstance(item, Fault):
            raise InvalidInput([item])
        yield item
