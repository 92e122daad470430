"""Files under addresses that others chose, such as datasets: ``s3://BUCKET/KEY``."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from outcrop.domain.errors import NotFound, StorageFailure
from outcrop.stores.address import Address
from outcrop.stores.s3_service import S3Service, Tell


class Buckets(Protocol):
    """Where ``s3://`` addresses lead.

    Promises: a file is there whole or not at all; what is fetched is what was put, else ``StorageFailure``.
    """

    def fetch(self, address: Address, tell: Tell | None = None) -> Path:
        """A local file with the content of an address, under the address's own last name; callers only read it.

        Raises:
            NotFound: There is no such file.
            StorageFailure: It can't be read.
        """
        ...

    def put(self, file: Path, address: Address, tell: Tell | None = None) -> None:
        """Copy a local file to an address, replacing what is there.

        Raises:
            StorageFailure: It can't be written; what was there still is.
        """
        ...

    def copy_folder(self, folder: Address, into: Path) -> None:
        """Copy all files below an address into a local folder.

        Raises:
            NotFound: There are none.
            StorageFailure: They can't be read, or the folder can't be written.
        """
        ...


class FolderBuckets:
    """Buckets that are folders of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def fetch(self, address: Address, tell: Tell | None = None) -> Path:
        """See ``Buckets.fetch``: the file itself."""
        path = self._path(address)
        if not path.is_file():
            raise NotFound(f"{address}: there is no such file; no S3 endpoint is set up, so it would be {path}")
        return path

    def put(self, file: Path, address: Address, tell: Tell | None = None) -> None:
        """See ``Buckets.put``: copied aside, then renamed into place."""
        path = self._path(address)
        aside = self._root / ".partial" / uuid.uuid4().hex
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, aside)
            aside.replace(path)
        except OSError as error:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise StorageFailure(f"{path}: can't be written ({error.strerror}); nothing was changed") from error

    def copy_folder(self, folder: Address, into: Path) -> None:
        """See ``Buckets.copy_folder``."""
        path = self._path(folder)
        if not path.is_dir():
            raise NotFound(f"{folder}: there is no such folder; no S3 endpoint is set up, so it would be {path}")
        try:
            shutil.copytree(path, into, dirs_exist_ok=True)
        except OSError as error:
            raise StorageFailure(f"{into}: can't be written ({error.strerror or error})") from error

    def _path(self, address: Address) -> Path:
        return self._root / address.bucket / address.key


class S3Buckets:
    """Buckets of an S3 service; what is fetched stays in ``cache`` for as long as it does not change there."""

    def __init__(self, service: S3Service, cache: Path) -> None:
        self._service = service
        self._cache = cache

    def fetch(self, address: Address, tell: Tell | None = None) -> Path:
        """See ``Buckets.fetch``."""
        head = self._service.head(address)
        mark = hashlib.sha256(f"{self._service.client.meta.endpoint_url}\0{address}\0{head}".encode()).hexdigest()
        copy = self._cache / mark[:32] / address.key.rpartition("/")[2]
        if copy.is_file() and copy.stat().st_size == head.size:
            return copy
        aside = self._cache / ".partial" / uuid.uuid4().hex
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            copy.parent.mkdir(parents=True, exist_ok=True)
            self._require_room(address, head.size)
            came = self._service.download(address, aside, tell)
            if came != head:
                raise StorageFailure(f"{address}: was changed while it was read; try again")
            aside.replace(copy)
        except OSError as error:
            raise StorageFailure(f"{copy}: can't be written ({error.strerror})") from error
        finally:
            aside.unlink(missing_ok=True)
        return copy

    def put(self, file: Path, address: Address, tell: Tell | None = None) -> None:
        """See ``Buckets.put``."""
        self._service.upload(file, address, tell)

    def copy_folder(self, folder: Address, into: Path) -> None:
        """See ``Buckets.copy_folder``."""
        prefix = folder.below("")
        names = [key.removeprefix(prefix.key) for key, _, _ in self._service.list(prefix)]
        # A key may have any name, and some would lead out of the folder; consoles make keys that end in a slash.
        wanted = [name for name in names if not {"", ".", ".."} & set(name.split("/"))]
        if not wanted:
            raise NotFound(f"{folder}: there are no files below it")
        for name in wanted:
            target = into / name
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageFailure(f"{target}: can't be written ({error.strerror})") from error
            self._service.download(prefix.below(name), target)

    def _require_room(self, address: Address, size: int) -> None:
        free = shutil.disk_usage(self._cache).free
        if size > free:
            raise StorageFailure(
                f"{address}: has {size:,} bytes, and {self._cache} has room for {free:,}; free space there"
            )


_folders: type[Buckets] = FolderBuckets
_service: type[Buckets] = S3Buckets
