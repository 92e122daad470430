"""Data: split a dataset into parts, and find what files that were split elsewhere have in common."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from outcrop.data.leakage import Leakage, between_files
from outcrop.data.parts import WrittenPart, part_paths, write_parts
from outcrop.data.splitting import SplitRequest, Stratum, plan
from outcrop.data.twins import Progress
from outcrop.domain.errors import Fault, InvalidInput, StorageFailure
from outcrop.services import Services
from outcrop.stores.address import is_address


@dataclass(frozen=True)
class SplitPart:
    """A part that was written.

    Attributes:
        name: Its name.
        path: The file.
        content_hash: SHA-256 of the file.
        share: Its share of all records, as wanted.
        n_wanted: That share in whole records.
        n_records: Records it has.
    """

    name: str
    path: str
    content_hash: str
    share: float
    n_wanted: int
    n_records: int


@dataclass(frozen=True)
class Split:
    """A dataset that was split.

    Attributes:
        path: The file that was split.
        content_hash: Its SHA-256.
        method: How: ``random``, ``stratified``, ``grouped``, ``stratified and grouped`` or ``by time``.
        seed: What decided all that is random.
        parts: In the order given.
        n_groups: Groups; 0 without a field to group by.
        n_bound: Records that stay together with a twin.
        strata: Values of the field to stratify by, the most frequent first, with counts by part.
        leakage: What is in more than one part.
    """

    path: str
    content_hash: str
    method: str
    seed: int
    parts: tuple[SplitPart, ...]
    n_groups: int
    n_bound: int
    strata: tuple[Stratum, ...]
    leakage: Leakage


def split_data(
    services: Services,
    place: str,
    request: SplitRequest,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Split:
    """Split a dataset into files of a folder, ``NAME.jsonl`` each.

    Args:
        services: Where an ``s3://`` address is read through.
        place: The file, or an ``s3://`` address.
        request: How to split it.
        folder: Where the parts go; beside the file where None.
        progress: Called with bytes done and bytes in all, for reading and for finding twins anew.

    Raises:
        InvalidInput: The file can't be read, or not split so: all its faults; or it is an address, and there is no
            folder.
        AlreadyExists: The folder has a file of a part's name.
        UserError: The file was changed meanwhile.
        NotFound: There is no file behind an address.
        StorageFailure: The parts can't be written, or the S3 service fails.
    """
    if folder is None and is_address(place):
        raise InvalidInput([Fault("to", None, "", "no folder", "--to FOLDER: parts are not written to an address")])
    target = Path(place).expanduser().parent if folder is None else folder
    part_paths([one.name for one in request.shares], target)
    source = services.fetch(place)
    name = place if is_address(place) else ""
    with _written(target):
        made = plan(source, request, name, progress=progress)
        written = write_parts(source, made, target)
    found = zip(request.shares, made.wanted, written, strict=True)
    return Split(
        path=place,
        content_hash=made.content_hash,
        method=_method(request),
        seed=request.seed,
        parts=tuple(_part(one.name, float(one.share), wanted, file) for one, wanted, file in found),
        n_groups=made.n_groups,
        n_bound=made.n_bound,
        strata=made.strata,
        leakage=made.leakage,
    )


def find_leakage(
    services: Services, places: Sequence[str], text: Sequence[str] = (), progress: Progress | None = None
) -> Leakage:
    """What files that were split elsewhere have in common.

    Args:
        services: Where an ``s3://`` address is read through.
        places: Two files or more, or ``s3://`` addresses.
        text: Paths of the fields that are compared; those that formats keep texts in where empty.
        progress: Called with bytes of text done and in all.

    Raises:
        InvalidInput: There are fewer than two, one comes twice, or a file can't be read: all faults of all files.
        NotFound: There is no file behind an address.
        StorageFailure: There is no room for a temporary file, or the S3 service fails.
    """
    if len(set(places)) < max(2, len(places)):
        found = "one file" if len(places) == 1 else "a file twice"
        raise InvalidInput([Fault("files", None, "", found, "two different files or more: the parts of a split")])
    with _written(services.settings.home):
        return between_files([(services.fetch(place), place) for place in places], text, progress=progress)


def _method(request: SplitRequest) -> str:
    if request.time:
        return "by time"
    words = [word for word, path in (("stratified", request.stratify), ("grouped", request.group)) if path]
    return " and ".join(words) or "random"


def _part(name: str, share: float, wanted: int, file: WrittenPart) -> SplitPart:
    return SplitPart(name, str(file.path), file.content_hash, share, wanted, file.n_records)


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        at = error.filename or f"{folder}, or {tempfile.gettempdir()} for temporary files"
        raise StorageFailure(f"{at}: can't be written ({error.strerror or error}); no part was written") from error
