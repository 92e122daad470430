"""Files in folders of this machine that are not ours: listing and copying them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from outcrop.domain.errors import NotFound, StorageFailure
from outcrop.domain.requests import StoredFile
from outcrop.stores.s3_service import Tell

_CHUNK = 1 << 23


def list_folder(folder: Path) -> list[StoredFile]:
    """The files below a folder, in the order of names; none where there is no such folder."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            # A link may lead nowhere, and a file may go at any time.
            with suppress(OSError):
                seen = path.stat()
                found.append(StoredFile(path.relative_to(folder).as_posix(), seen.st_size, seen.st_mtime))
    return sorted(found, key=lambda file: file.name)


def copy_file(source: Path, target: Path, tell: Tell | None = None) -> None:
    """Copy a file into a new one, which may be there in part where that fails.

    Raises:
        NotFound: There is no such file.
        StorageFailure: It can't be read, or the new one can't be written.
    """
    done = 0
    try:
        with source.open("rb") as reading, target.open("wb") as writing:
            total = os.fstat(reading.fileno()).st_size
            while block := reading.read(_CHUNK):
                writing.write(block)
                done += len(block)
                if tell is not None:
                    tell(done, total)
    except FileNotFoundError as error:
        if not source.exists():
            raise NotFound(f"{source}: there is no such file") from error
        raise StorageFailure(f"{target}: can't be written ({error.strerror})") from error
    except OSError as error:
        raise StorageFailure(f"{source}: can't be copied to {target} ({error.strerror})") from error
