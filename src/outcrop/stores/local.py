"""A store in a folder of this machine."""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from outcrop.domain.errors import AlreadyExists, NotFound, StorageFailure
from outcrop.stores import manifest
from outcrop.stores.protocol import Entry, Store

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


#: Seconds after which unfinished work is nobody's any more.
STALE = 24 * 3600


class LocalStore:
    """Files below a root folder; what is being written lies in ``.partial`` there."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._partial = root / ".partial"

    def write(self, key: str, data: bytes) -> None:
        """See ``Store.write``: written aside, flushed to the disk, then renamed into place."""
        target, aside = self._path(key), self._aside()
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(target)
            _flush_folder(target.parent)
        except OSError as error:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise StorageFailure(f"{target}: can't be written ({error.strerror}); nothing was changed") from error

    def read(self, key: str) -> bytes:
        """See ``Store.read``."""
        path = self._path(key)
        if not path.is_file():
            raise NotFound(f"{path}: there is no such file in the store")
        try:
            return path.read_bytes()
        except OSError as error:
            raise StorageFailure(f"{path}: can't be read ({error.strerror})") from error

    def exists(self, key: str) -> bool:
        """See ``Store.exists``."""
        path = self._path(key)
        return path.is_file() or (path / manifest.MANIFEST).is_file()

    def put_folder(self, folder: Path, key: str, *, move: bool = False) -> None:
        """See ``Store.put_folder``: gathered aside with its manifest, then renamed into place."""
        target = self._path(key)
        if self.exists(key):
            raise AlreadyExists(f"{target}: is there already")
        aside = self._aside()
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            if move:
                shutil.move(folder, aside)
            else:
                shutil.copytree(folder, aside)
            # A copy keeps the time of what was copied, and the sweep goes by time.
            os.utime(aside)
            (aside / manifest.MANIFEST).write_bytes(manifest.describe(aside))
            _flush_tree(aside)
            target.parent.mkdir(parents=True, exist_ok=True)
            aside.rename(target)
            _flush_folder(target.parent)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            if self.exists(key):
                raise AlreadyExists(f"{target}: is there already") from error
            raise StorageFailure(f"{target}: can't be written ({_reason(error)}); nothing was changed") from error

    def get_folder(self, key: str, *, verify: bool = False) -> Path:
        """See ``Store.get_folder``: the folder itself, nothing is copied."""
        path = self._path(key)
        if not (path / manifest.MANIFEST).is_file():
            raise NotFound(f"{path}: there is no such folder in the store")
        manifest.check(path, verify=verify)
        return path

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """See ``Store.entries``."""
        for path, size in sorted(files_of(self._root)):
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix) and not key.startswith(".partial/"):
                yield Entry(key, size)

    def delete(self, prefix: str) -> int:
        """See ``Store.delete``: a folder is renamed aside first, so that it is never seen in part."""
        path = self._path(prefix)
        if path.is_file():
            size = path.stat().st_size
            path.unlink()
            return size
        if not path.is_dir():
            return 0
        size = sum(size for _, size in files_of(path))
        aside = self._aside()
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.rename(aside)
        except OSError as error:
            raise StorageFailure(f"{path}: can't be deleted ({error.strerror})") from error
        shutil.rmtree(aside, ignore_errors=True)
        return size

    def free(self) -> int:
        """See ``Store.free``: what is free on the disk."""
        return free_bytes(self._root)

    def address(self, key: str) -> str:
        """See ``Store.address``."""
        return str(self._path(key))

    def sweep(self) -> None:
        """See ``Store.sweep``."""
        sweep_folder(self._partial)

    def _path(self, key: str) -> Path:
        require_key(key)
        return self._root / key

    def _aside(self) -> Path:
        return self._partial / uuid.uuid4().hex


def require_key(key: str) -> None:
    """Raise StorageFailure unless a key is one: it can't lead out of its store."""
    if not _KEY.fullmatch(key):
        raise StorageFailure(f"{key!r} is no key of a store: letters, digits, '-', '_', '.' and '/' only")


def files_of(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files below a folder and their sizes in bytes, while others may be adding and removing some."""
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                yield (path := Path(place, name)), path.stat().st_size


def free_bytes(folder: Path) -> int:
    """How many bytes are free on the disk of a folder, which need not be there yet.

    Raises:
        StorageFailure: The system does not say.
    """
    try:
        return shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
    except OSError as error:
        raise StorageFailure(f"{folder}: its disk can't be looked at ({error.strerror})") from error


def sweep_folder(folder: Path) -> None:
    """Delete what a folder of unfinished work holds and nobody has touched for a day."""
    for path in folder.glob("*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _reason(error: OSError) -> str:
    """Why a file or a tree could not be written; of a tree, what befell the first of its files."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        said = str(error.args[0][0][2])
        return said.partition("] ")[2].partition(":")[0] or said
    return error.strerror or str(error)


def _flush_folder(folder: Path) -> None:
    """A rename survives a power cut only once its folder is on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        else:
            _flush_folder(path)
    _flush_folder(folder)


_: type[Store] = LocalStore
