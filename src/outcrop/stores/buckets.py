"""Files under addresses that others chose, such as datasets: ``s3://BUCKET/KEY``."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from outcrop.domain.errors import NotFound, StorageFailure
from outcrop.domain.requests import StoredFile
from outcrop.stores.address import Address
from outcrop.stores.folders import copy_file, list_folder
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

    def files(self, folder: Address) -> list[StoredFile]:
        """All files below an address, in the order of names; no name would lead out of a folder.

        Raises:
            NotFound: There are none.
            StorageFailure: They can't be listed.
        """
        ...

    def download(self, address: Address, file: Path, tell: Tell | None = None) -> None:
        """Copy what an address has into a new local file; it may be there in part where that fails.

        Raises:
            NotFound: There is no such file.
            StorageFailure: It can't be read, or the local one can't be written.
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

    def files(self, folder: Address) -> list[StoredFile]:
        """See ``Buckets.files``."""
        path = self._path(folder)
        found = list_folder(path)
        if not found:
            raise NotFound(
                f"{folder}: there are no files below it; no S3 endpoint is set up, so they would be in {path}"
            )
        return found

    def download(self, address: Address, file: Path, tell: Tell | None = None) -> None:
        """See ``Buckets.download``."""
        copy_file(self.fetch(address), file, tell)

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

    def files(self, folder: Address) -> list[StoredFile]:
        """See ``Buckets.files``."""
        prefix = folder.below("")
        listed = [
            StoredFile(key.removeprefix(prefix.key), size, changed) for key, size, changed in self._service.list(prefix)
        ]
        # A key may have any name, and some would lead out of the folder; consoles make keys that end in a slash.
        found = [file for file in listed if not {"", ".", ".."} & set(file.name.split("/")) and "\0" not in file.name]
        if not found:
            raise NotFound(f"{folder}: there are no files below it")
        return found

    def download(self, address: Address, file: Path, tell: Tell | None = None) -> None:
        """See ``Buckets.download``."""
        self._service.download(address, file, tell)

    def _require_room(self, address: Address, size: int) -> None:
        free = shutil.disk_usage(self._cache).free
        if size > free:
            raise StorageFailure(
                f"{address}: has {size:,} bytes, and {self._cache} has room for {free:,}; free space there"
            )


_folders: type[Buckets] = FolderBuckets
_service: type[Buckets] = S3Buckets
