"""A dataset in another format, or in another kind of file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from outcrop.data.checking import Progress, ProgressTicker
from outcrop.data.faults import in_line
from outcrop.data.formats import FORMATS, Format, named
from outcrop.data.records import RecordReader
from outcrop.data.writing import open_target
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import FaultCollection
from outcrop.domain.records import Purpose


@dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes:
        source, target: The files, as faults name them.
        source_format, target_format: Their formats.
        n_records: Records written.
        faults: The first thousand faults of what was left out.
        n_faults: All faults.
    """

    source: str
    target: str
    source_format: str
    target_format: str
    n_records: int
    faults: tuple[Fault, ...]
    n_faults: int


def format_named(name: str) -> tuple[Format, Purpose]:
    """A format, and the purpose that its data is for.

    Raises:
        InvalidInput: There is none of that name.
    """
    form = named(name)
    if form is None:
        known = ", ".join(each.NAME for forms in FORMATS.values() for each in forms)
        raise InvalidInput([Fault("request", None, "format", repr(name), f"one of {known}")])
    return form, next(purpose for purpose, forms in FORMATS.items() if form in forms)


def convert(
    path: Path,
    purpose: Purpose,
    target: Path,
    form: Format,
    *,
    skip_faulty: bool = False,
    progress: Progress | None = None,
    name: str = "",
) -> Conversion:
    """Read records and write each in another format, one at a time; the target appears whole or not at all.

    Args:
        path: The dataset.
        purpose: What it is for.
        target: The file to make: jsonl, jsonl.gz, csv or parquet.
        form: The format to write.
        skip_faulty: Leave out what has a fault, or what the format can't express.
        progress: Called with bytes done and bytes in all.
        name: What to call the dataset in faults; its path where empty.

    Raises:
        InvalidInput: There are faults, all of which are listed; even if they are to be skipped, where no record is
            left or the dataset can't be read to its end. Or the target can't be of that kind.
        AlreadyExists, MissingExtra, StorageFailure: See ``writing.open_target``.
    """
    reader = RecordReader(path, purpose, name)
    faults = FaultCollection()
    ticker = ProgressTicker(reader, progress)
    n_records = 0
    with open_target(target, form) as write:
        for item in reader:
            ticker.tick()
            if isinstance(item, Fault):
                faults.add(item)
                continue
            try:
                write(form.write(item))
                n_records += 1
            except InvalidInput as error:
                for fault in in_line(error, reader.lines.where, item.line):
                    faults.add(reader.lines.located(fault))
        if faults.total and not (skip_faulty and n_records and reader.lines.content_hash):
            raise InvalidInput(faults.kept, faults.total)
    ticker.end()
    assert reader.format is not None, "a dataset without records has a fault"
    return Conversion(
        source=reader.lines.where,
        target=str(target),
        source_format=reader.format.NAME,
        target_format=form.NAME,
        n_records=n_records,
        faults=tuple(faults.kept),
        n_faults=faults.total,
    )
