"""Data: check a training or validation file against what Bedrock takes for a family of models."""

from __future__ import annotations

from dataclasses import replace

from outcrop.data.checking import DatasetCheck
from outcrop.data.limits import Place, check_limits
from outcrop.data.records import RecordReader
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import KEPT
from outcrop.domain.records import Purpose
from outcrop.services import Services
from outcrop.stores.address import is_address


def with_limits(
    services: Services,
    found: DatasetCheck,
    place: str,
    family: str,
    role: str = Place.TRAINING.value,
    beside: str | None = None,
) -> DatasetCheck:
    """A dataset check, with a fault for everything that a family of models does not take.

    Args:
        services: Reads an ``s3://`` address.
        found: What ``check_data`` found in the file.
        place: The file, or an ``s3://`` address.
        family: A family of ``outcrop.data.limits.LIMITS``.
        role: ``training`` or ``validation``: what the file is.
        beside: The other one of the two files, whose records count too.

    Raises:
        InvalidInput: There is no such family or role, or the data is for evaluation.
        NotFound: There is no file behind an address.
        StorageFailure: The S3 service fails.
    """
    if found.purpose is Purpose.EVALUATION:
        raise InvalidInput([Fault("limits", None, "", "a file for evaluation", "a training or validation file")])
    if role not in set(Place):
        raise InvalidInput([Fault("as", None, "", repr(role), f"one of {', '.join(Place)}")])
    other = 0 if beside is None else _count(services, beside, found.purpose)
    name = place if is_address(place) else ""
    over = check_limits(services.fetch(place), family, Place(role), other, name)
    kept = (*over.kept, *found.faults)[:KEPT]
    return replace(found, faults=kept, n_faults=found.n_faults + over.total)


def _count(services: Services, place: str, purpose: Purpose) -> int:
    records = RecordReader(services.fetch(place), purpose, place if is_address(place) else "")
    count = 0
    for item in records:
        # A file that can't be read counts for nothing, and must not count silently.
        if isinstance(item, Fault) and item.line is None:
            raise InvalidInput([item])
        count += not isinstance(item, Fault)
    return count
