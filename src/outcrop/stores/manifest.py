"""The list of a folder's files that makes the folder whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

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
    try:
        data = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise StorageFailure(f"{folder / MANIFEST}: can't be read ({error.strerror})") from error
    for file in parse(data, str(folder / MANIFEST)):
        path = folder / file.path
        require_size(file, path.stat().st_size if path.is_file() else None, str(path))
        if verify:
            require_hash(file, file_hash(path), str(path))


def parse(data: bytes, where: str) -> list[ManifestFile]:
    """The files that a manifest lists.

    Raises:
        StorageFailure: It is no manifest, or lists a file that would lie outside its folder.
    """
    try:
        files = [ManifestFile(**file) for file in json.loads(data)["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise StorageFailure(f"{where}: can't be read ({error})") from error
    for file in files:
        path = PurePosixPath(file.path)
        if path.is_absolute() or ".." in path.parts:
            raise StorageFailure(f"{where}: lists {file.path!r}, which lies outside its folder")
    return files


def require_size(file: ManifestFile, size: int | None, where: str) -> None:
    """Raise StorageFailure unless a file has the size that its manifest says; None is no file."""
    if size != file.size:
        found = "nothing" if size is None else f"{size:,} bytes"
        raise StorageFailure(f"{where}: found {found}, expected {file.size:,} bytes as its manifest says")


def require_hash(file: ManifestFile, sha256: str, where: str) -> None:
    """Raise StorageFailure unless a file has the SHA-256 that its manifest says."""
    if sha256 != file.sha256:
        raise StorageFailure(f"{where}: its hash is {sha256}, expected {file.sha256}: the file was altered")
