"""Reading a dataset as records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, overload

from outcrop.data import formats
from outcrop.data.formats import Format, Record
from outcrop.data.reading import JsonLines
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.records import EvaluationRecord, Purpose, TextRecord, TrainingRecord


class RecordReader:
    """One pass over a dataset: iterate it for each record, or for what is wrong with it. Nothing in the file raises.

    Attributes:
        lines: The pass over the file, with its counts and content hash.
        format: The format that the first record decided; None before it.
    """

    def __init__(self, path: Path | str, purpose: Purpose, name: str = "") -> None:
        self.lines = JsonLines(path, name=name)
        self.format: Format | None = None
        self._purpose = purpose

    def __iter__(self) -> Iterator[Record | Fault]:
        for line in self.lines:
            if isinstance(line, Fault):
                yield line
                continue
            if self.format is None:
                found = formats.detect(line.value, self._purpose, line.number, self.lines.where)
                if isinstance(found, Fault):
                    yield found
                    return
                self.format = found
            record = formats.parse(line.value, self.format, line.number, self.lines.where)
            if isinstance(record, list):
                yield from record
            else:
                yield record


@overload
def read(path: Path | str, purpose: Literal[Purpose.FINE_TUNING]) -> Iterator[TrainingRecord]: ...


@overload
def read(path: Path | str, purpose: Literal[Purpose.PRE_TRAINING]) -> Iterator[TextRecord]: ...


@overload
def read(path: Path | str, purpose: Literal[Purpose.EVALUATION]) -> Iterator[EvaluationRecord]: ...


@overload
def read(path: Path | str, purpose: Purpose) -> Iterator[Record]: ...


def read(path: Path | str, purpose: Purpose) -> Iterator[Record]:
    """The records of a dataset that has been checked, streamed in the order of the file.

    Raises:
        InvalidInput: A fault is met while iterating: the file was not checked, or has changed since.
    """
    for item in RecordReader(path, purpose):
        if isinstance(item, Fault):
            raise InvalidInput([item])
        yield item
