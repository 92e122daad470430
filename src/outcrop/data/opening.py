"""One pass over a dataset, whatever it lies in: JSON Lines, gzip, CSV, TSV, Parquet, or texts."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from outcrop.data.documents import Documents
from outcrop.data.folders import ENDINGS
from outcrop.data.reading import JsonLines
from outcrop.data.tables import CsvTable, ParquetTable, Table, TsvTable
from outcrop.domain.errors import Fault
from outcrop.domain.records import Purpose

_TABLES: dict[str, type[CsvTable] | type[ParquetTable]] = {
    ".csv": CsvTable,
    ".tsv": TsvTable,
    ".parquet": ParquetTable,
}


class Lines(Table, Protocol):
    """A table that a dataset is read from."""

    @property
    def n_blank(self) -> int:
        """Blank lines or files met so far; they are tolerated."""
        ...

    @property
    def content_hash(self) -> str:
        """The hash by which the dataset is known, as ``reading.content_hash``; "" unless the pass came to the end."""
        ...

    def located(self, fault: Fault) -> Fault:
        """A fault of the record of a line, in the place that a person looks for it."""
        ...


def open_lines(path: Path | str, purpose: Purpose, name: str = "") -> Lines:
    """A pass over a dataset, in what its name says it lies in: JSON Lines unless csv, tsv or parquet.

    For pre-training a folder, and a name that ends in txt or md, is read as texts.

    Args:
        path: The dataset; one that is not there is a fault of the pass.
        purpose: What it is for.
        name: What to call it in faults; its path where empty.

    Raises:
        MissingExtra: It is a Parquet file, and pyarrow is not installed.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if purpose is Purpose.PRE_TRAINING and (path.is_dir() or ending in ENDINGS):
        return Documents(path, name)
    if ending in _TABLES:
        return _TABLES[ending](path, name, sparse=True)
    return JsonLines(path, name=name)
