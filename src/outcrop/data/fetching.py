"""Datasets that have a name and not a path: ``Builtin.BoolQ``, ``hub:OWNER/NAME``. They are fetched once and kept."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path

from outcrop.data.builtin import BuiltinDataset, builtin, is_builtin, merge
from outcrop.data.hub import PREFIX, HubDataset, HubFiles, fetch_split, parse_hub
from outcrop.data.reading import JsonObject, Line, content_hash
from outcrop.data.tables import ParquetTable
from outcrop.domain.errors import NotSupported, StorageFailure


@dataclass(frozen=True)
class NamedDataset:
    """A dataset that was fetched by its name.

    Attributes:
        name: As it was asked for, in the spelling of its table.
        path: The JSON Lines file: evaluation records of a ``Builtin.`` name, the rows as they are of a ``hub:`` one.
        source: Its address on the hub.
        commit: The commit that was fetched.
        licence: What is known of its terms.
        n_rows: Rows of the original.
        n_records: Lines of the file; fewer where rows say nothing to be asked or have the same prompt.
        content_hash: SHA-256 of the file.
        files: SHA-256 of each Parquet file that was fetched, by name.
    """

    name: str
    path: str
    source: str
    commit: str
    licence: str
    n_rows: int
    n_records: int
    content_hash: str
    files: dict[str, str]


def is_named(place: str) -> bool:
    """Whether a place is a dataset's name: it begins with ``hub:``, or with ``Builtin.`` in any case and is no file."""
    return place.startswith(PREFIX) or (is_builtin(place) and not Path(place).exists())


def fetch_named(name: str, cache: Path) -> NamedDataset:
    """The dataset of that name, from the cache where it is there.

    Args:
        name: ``Builtin.NAME`` or ``hub:OWNER/NAME[/CONFIG][:SPLIT][@REVISION]``.
        cache: The folder for all of them. What is in it is never fetched again: delete it to have the newest.

    Raises:
        InvalidInput: An address that is none.
        NotFound: There is no such dataset, or the hub can't be reached.
        NotSupported: Its rows are not those that the name stands for, or hold what is no text, number or list.
        MissingExtra: pyarrow is not installed.
        StorageFailure: What came is not what the hub says it is, or can't be written.
    """
    known = builtin(name) if is_builtin(name) else None
    dataset = known.hub if known else parse_hub(name)
    title = known.name if known else str(dataset)
    folder = cache / re.sub(r"[^\w.-]+", "--", title).lower()
    if not (folder / "manifest.json").is_file():
        try:
            _fetch(dataset, known, title, folder)
        except OSError as error:
            raise StorageFailure(
                f"{title} can't be written in {cache} ({error}); free space there, try again"
            ) from error
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return NamedDataset(path=str(folder / "records.jsonl"), **manifest)


def _fetch(dataset: HubDataset, known: BuiltinDataset | None, title: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch:
        found = fetch_split(dataset, Path(scratch) / "parquet")
        made = Path(scratch) / "made"
        made.mkdir()
        counted = _Counted(found, title)
        records = counted.rows() if known is None else merge(_records(known, counted.rows()))
        n_records = _write(records, made / "records.jsonl", title)
        manifest = {
            "name": title,
            "source": str(dataset),
            "commit": found.commit,
            "licence": known.licence if known else "see the publisher's page on the hub",
            "n_rows": counted.n_rows,
            "n_records": n_records,
            "content_hash": content_hash(made / "records.jsonl"),
            "files": {
                file.relative_to(Path(scratch) / "parquet").as_posix(): content_hash(file) for file in found.files
            },
        }
        (made / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        # Another process may have been faster.
        with suppress(OSError):
            made.rename(folder)
    if not (folder / "manifest.json").is_file():
        raise StorageFailure(f"{folder}: something is there already, and it is no dataset; remove it and try again")


class _Counted:
    """The rows of fetched files, and how many there were."""

    def __init__(self, found: HubFiles, title: str) -> None:
        self.n_rows = 0
        self._found = found
        self._title = title

    def rows(self) -> Iterator[JsonObject]:
        """The rows in order.

        Raises:
            StorageFailure: A file is no Parquet.
        """
        for file in self._found.files:
            for line in ParquetTable(file, self._title, sparse=True):
                if not isinstance(line, Line):
                    raise StorageFailure(f"{line}; fetch it again")
                self.n_rows += 1
                yield line.value


def _records(known: BuiltinDataset, rows: Iterable[JsonObject]) -> Iterator[JsonObject]:
    for row in rows:
        try:
            yield from known.records(row)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise NotSupported(
                f"{known.name}: a row of {known.hub} is not as expected ({type(error).__name__}: {error}): its "
                f"publisher has changed it. It has the columns {', '.join(row)}; name them yourself: "
                f"outcrop data fetch '{known.hub}' TARGET --columns …"
            ) from error


def _plain(value: object) -> str:
    """A date or an exact number, which Parquet has and JSON has not, as a text."""
    if isinstance(value, date | time | Decimal):
        return str(value)
    raise TypeError(f"a value of the type {type(value).__name__}")


def _write(records: Iterable[JsonObject], target: Path, title: str) -> int:
    n_records = 0
    with target.open("x", encoding="utf-8") as file:
        for record in records:
            try:
                numbers = {name: value for name, value in record.items() if value == value}  # without NaN
                file.write(json.dumps(numbers, ensure_ascii=False, allow_nan=False, default=_plain) + "\n")
            except (TypeError, ValueError) as error:
                raise NotSupported(f"{title}: rows hold what is no text, number or list ({error})") from error
            n_records += 1
    return n_records
