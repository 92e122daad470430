"""The list of a folder's files that makes the folder whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from outcrop.domain.errors import StorageFailure

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ManifestFile:
    """One file: its path in the folder, its size in bytes, its SHA-256."""

    path: str
    size: int
    sha256: str


def file_hash(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def describe(folder: Path) -> bytes:
    """The manifest of a folder, as the bytes to write: a pure function of its files."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    files = [ManifestFile(str(path.relative_to(folder)), path.stat().st_size, file_hash(path)) for path in paths]
    return json.dumps({"version": 1, "files": [asdict(file) for file in files]}, indent=1).encode()


def check(folder: Path, *, verify: bool) -> None:
    """Hold a folder against its manifest: sizes always, hashes with ``verify``.

    Raises:
        StorageFailure: The first file that is missing, has another size, or another hash.
    """
    for file in _files(folder):
        path = folder / file.path
        size = path.stat().st_size if path.is_file() else -1
        if size != file.size:
            found = "nothing" if size < 0 else f"{size:,} bytes"
            raise StorageFailure(f"{path}: found {found}, expected {file.size:,} bytes as its manifest says")
        if verify and (found := file_hash(path)) != file.sha256:
            raise StorageFailure(f"{path}: its hash is {found}, expected {file.sha256}: the file was altered")


def _files(folder: Path) -> list[ManifestFile]:
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return [ManifestFile(**file) for file in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageFailure(f"{folder / MANIFEST}: can't be read ({error})") from error
