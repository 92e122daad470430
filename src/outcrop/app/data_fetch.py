"""Data: evaluation records of a table, or of a dataset that has a name, as a file of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from outcrop.data.columns import ColumnMap
from outcrop.data.fetching import NamedDataset, fetch_named, is_named
from outcrop.data.formats import evaluation
from outcrop.data.reading import JsonObject, content_hash
from outcrop.data.records import RecordReader
from outcrop.data.sampling import sample
from outcrop.data.writing import open_target
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import FaultCollection
from outcrop.domain.records import Purpose
from outcrop.services import Services


@dataclass(frozen=True)
class Fetched:
    """Evaluation records that were written.

    Attributes:
        source: The table or the name they came from.
        target: The file that has them.
        n_records: How many.
        n_given: How many there were to draw from.
        limit: How many were wanted at most; None for all.
        seed: What decided which.
        content_hash: SHA-256 of the target.
        original: Where a dataset with a name came from; None of a file.
    """

    source: str
    target: str
    n_records: int
    n_given: int
    limit: int | None
    seed: int
    content_hash: str
    original: NamedDataset | None


def fetch_data(
    services: Services,
    source: str,
    target: Path,
    columns: ColumnMap | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Fetched:
    """Write evaluation records into a file: all of them, or some that content and seed decide.

    Args:
        services: Those of the home.
        source: ``Builtin.NAME``, ``hub:OWNER/NAME``, a path or an ``s3://`` address.
        target: The file to make: jsonl or jsonl.gz.
        columns: What the source's columns are read as.
        limit: The most records; None for all.
        seed: Another seed draws other records.

    Raises:
        InvalidInput: The source has faults: all of them; or the limit is below 1.
        AlreadyExists: The target is there.
        NotFound, NotSupported, MissingExtra, StorageFailure: See ``data.fetching.fetch_named`` and ``Services.fetch``.
    """
    if limit is not None and limit < 1:
        raise InvalidInput([Fault("request", None, "limit", str(limit), "1 or more")])
    original = fetch_named(source, services.settings.datasets_folder) if is_named(source) else None
    records = list(_records(services.fetch(source), source, columns))
    drawn = records if limit is None else sample(records, limit, seed)
    with open_target(target, evaluation) as write:
        for record in drawn:
            write(record)
    return Fetched(source, str(target), len(drawn), len(records), limit, seed, content_hash(target), original)


def _records(path: Path, source: str, columns: ColumnMap | None) -> Iterator[JsonObject]:
    """The evaluation records of a file, as the format writes them.

    Raises:
        InvalidInput: There are faults; all of them.
    """
    faults = FaultCollection()
    for item in RecordReader(path, Purpose.EVALUATION, source, columns):
        if isinstance(item, Fault):
            faults.add(item)
        else:
            yield evaluation.write(item)
    if faults.total:
        raise InvalidInput(faults.kept, faults.total)
