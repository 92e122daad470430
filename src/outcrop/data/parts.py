"""Writing the parts of a dataset: the lines of the file as they are, in its order."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from outcrop.data.reading import content_hash
from outcrop.data.splitting import SplitPlan
from outcrop.domain.errors import AlreadyExists, UserError

_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class WrittenPart:
    """A file that was written: its path, its records, and the SHA-256 by which jobs and reports name it."""

    path: Path
    n_records: int
    content_hash: str


def part_paths(names: Sequence[str], folder: Path) -> tuple[Path, ...]:
    """Where the parts of those names go.

    Raises:
        AlreadyExists: A file is there already; nothing is ever overwritten.
    """
    paths = tuple(folder / f"{name}.jsonl" for name in names)
    there = [str(path) for path in paths if path.exists()]
    if there:
        raise AlreadyExists(f"{', '.join(there)}: there already; name another folder with --to, or other parts")
    return paths


def write_parts(source: Path, plan: SplitPlan, folder: Path) -> tuple[WrittenPart, ...]:
    """Write each part into a file of its own, ``NAME.jsonl``; all of them or none.

    A source that is packed with gzip gives parts that are not. Blank lines and a byte order mark are left out, and a
    last line without an end gets one; nothing else is changed.

    Raises:
        AlreadyExists: A file of that name is in the folder.
        UserError: The source was changed since the plan was made.
        OSError: A file can't be written.
    """
    paths = part_paths([one.name for one in plan.request.shares], folder)
    folder.mkdir(parents=True, exist_ok=True)
    asides = [path.with_name(f".{path.name}.{os.getpid()}.partial") for path in paths]
    unfinished = list(asides)
    try:
        with ExitStack() as stack:
            files = [stack.enter_context(aside.open("wb")) for aside in asides]
            hashes = _copy(source, plan, files)
        for aside, path in zip(asides, paths, strict=True):
            aside.rename(path)
            unfinished.append(path)
        unfinished = []
    finally:
        for path in unfinished:
            with suppress(OSError):
                path.unlink(missing_ok=True)
    return tuple(
        WrittenPart(path, plan.count(number), found)
        for number, (path, found) in enumerate(zip(paths, hashes, strict=True))
    )


def _copy(source: Path, plan: SplitPlan, files: Sequence[BinaryIO]) -> list[str]:
    hashes = [hashlib.sha256() for _ in files]
    wanted = zip(plan.lines.tolist(), plan.part.tolist(), strict=True)
    line, part = next(wanted, (0, 0))
    with _unpacked(source) as file:
        for number, raw in enumerate(file, 1):
            if number == line:
                kept = raw.removeprefix(_UTF8_BOM) if number == 1 else raw
                kept = kept if kept.endswith(b"\n") else kept + b"\n"
                files[part].write(kept)
                hashes[part].update(kept)
                line, part = next(wanted, (0, 0))
    if line or content_hash(source) != plan.content_hash:
        raise UserError(f"{source}: was changed while it was read; nothing was written; split it again")
    return [found.hexdigest() for found in hashes]


def _unpacked(source: Path) -> BinaryIO:
    """The lines of a file, which may be packed with gzip."""
    with source.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(source)) if packed else source.open("rb")
