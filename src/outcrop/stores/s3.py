"""A store in a bucket of an S3 service."""

from __future__ import annotations

import hashlib
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from outcrop.domain.errors import AlreadyExists, NotFound, OutcropError, StorageFailure
from outcrop.stores import manifest
from outcrop.stores.address import Address
from outcrop.stores.local import STALE, require_key
from outcrop.stores.manifest import MANIFEST, ManifestFile
from outcrop.stores.protocol import Entry, Store
from outcrop.stores.s3_service import S3Service

_PARTIAL = ".partial"


class S3Store:
    """Files below a prefix of a bucket.

    A folder is whole once its manifest is there, which is written last. Local copies of folders lie in ``cache``, each
    under the hash of its manifest, so a copy is never of other content.
    """

    def __init__(self, root: Address, service: S3Service, cache: Path) -> None:
        self._root = root
        self._service = service
        self._cache = cache

    def write(self, key: str, data: bytes) -> None:
        """See ``Store.write``."""
        self._service.put(self._place(key), data)

    def read(self, key: str) -> bytes:
        """See ``Store.read``."""
        return self._service.get(self._place(key))

    def exists(self, key: str) -> bool:
        """See ``Store.exists``."""
        place = self._place(key)
        return self._service.exists(place.below(MANIFEST)) or self._service.exists(place)

    def put_folder(self, folder: Path, key: str, *, move: bool = False) -> None:
        """See ``Store.put_folder``; what is moved becomes the local copy."""
        place = self._place(key)
        if self._service.exists(place.below(MANIFEST)):
            raise AlreadyExists(f"{place}: is there already")
        try:
            listed = manifest.describe(folder)
        except OSError as error:
            raise StorageFailure(f"{folder}: can't be read ({error.strerror})") from error
        self._upload(folder, place, listed)
        if move:
            with suppress(OSError):
                (folder / MANIFEST).write_bytes(listed)
                self._keep(folder, self._copy(listed))

    def _upload(self, folder: Path, place: Address, listed: bytes) -> None:
        # Whoever finds this a day later without a manifest beside it deletes what was uploaded.
        mark = self._root.below(f"{_PARTIAL}/{uuid.uuid4().hex}")
        self._service.put(mark, place.key.encode())
        files = manifest.parse(listed, str(place))
        try:
            for file in files:
                self._service.upload(folder / file.path, place.below(file.path))
            self._service.put(place.below(MANIFEST), listed, new=True)
        except AlreadyExists:
            # Somebody else was first; the files are those of the same folder, or its manifest will tell.
            self._service.delete(mark.bucket, [mark.key])
            raise
        except OutcropError:
            with suppress(OutcropError):
                self._service.delete(place.bucket, [place.below(file.path).key for file in files] + [mark.key])
            raise
        self._service.delete(mark.bucket, [mark.key])

    def get_folder(self, key: str, *, verify: bool = False) -> Path:
        """See ``Store.get_folder``: a local copy, made where there is none."""
        place = self._place(key)
        try:
            listed = self._service.get(place.below(MANIFEST))
        except NotFound:
            raise NotFound(f"{place}: there is no such folder in the store") from None
        copy = self._copy(listed)
        if copy.is_dir():
            try:
                manifest.check(copy, verify=verify)
                return copy
            except StorageFailure:
                shutil.rmtree(copy, ignore_errors=True)
        self._download(place, listed, copy)
        return copy

    def _download(self, place: Address, listed: bytes, copy: Path) -> None:
        files = manifest.parse(listed, str(place.below(MANIFEST)))
        sizes = {key: size for key, size, _ in self._service.list(place.below(""))}
        for file in files:
            manifest.require_size(file, sizes.get(place.below(file.path).key), str(place.below(file.path)))
        aside = self._cache / _PARTIAL / uuid.uuid4().hex
        try:
            for file in files:
                self._fetch(place.below(file.path), file, aside / file.path)
            (aside / MANIFEST).write_bytes(listed)
            self._keep(aside, copy)
        except OSError as error:
            raise StorageFailure(f"{copy}: can't be written ({error.strerror or error})") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _fetch(self, place: Address, file: ManifestFile, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._service.download(place, path)
        manifest.require_hash(file, manifest.file_hash(path), str(place))

    def _keep(self, folder: Path, copy: Path) -> None:
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.is_dir():
            with suppress(FileExistsError):
                shutil.move(folder, copy)

    def _copy(self, listed: bytes) -> Path:
        return self._cache / hashlib.sha256(listed).hexdigest()[:32]

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """See ``Store.entries``."""
        root = self._root.below("").key
        for key, size, _ in self._service.list(Address(self._root.bucket, root + prefix)):
            if not key.startswith(f"{root}{_PARTIAL}/"):
                yield Entry(key.removeprefix(root), size)

    def delete(self, prefix: str) -> int:
        """See ``Store.delete``: the manifest goes first, so that a folder is never seen in part."""
        place = self._place(prefix)
        sizes = {key: size for key, size, _ in self._service.list(place.below(""))}
        if self._service.exists(place):
            sizes[place.key] = self._service.head(place).size
        last = place.below(MANIFEST).key
        if last in sizes:
            shutil.rmtree(self._copy(self._service.get(place.below(MANIFEST))), ignore_errors=True)
            self._service.delete(place.bucket, [last])
        self._service.delete(place.bucket, [key for key in sizes if key != last])
        return sum(sizes.values())

    def sweep(self) -> None:
        """See ``Store.sweep``; the bucket is looked through once a day."""
        looked = self._cache / "swept"
        with suppress(OSError):
            if time.time() - looked.stat().st_mtime < STALE:
                return
        with suppress(OutcropError):
            for key, _, changed in list(self._service.list(self._root.below(f"{_PARTIAL}/"))):
                if time.time() - changed > STALE:
                    self._sweep(Address(self._root.bucket, key))
        with suppress(OSError):
            looked.parent.mkdir(parents=True, exist_ok=True)
            looked.touch()

    def _sweep(self, mark: Address) -> None:
        place = Address(mark.bucket, self._service.get(mark).decode())
        if not self._service.exists(place.below(MANIFEST)):
            self._service.delete(place.bucket, [key for key, _, _ in self._service.list(place.below(""))])
        self._service.delete(mark.bucket, [mark.key])

    def free(self) -> None:
        """See ``Store.free``: a bucket has no end that is known."""

    def address(self, key: str) -> str:
        """See ``Store.address``."""
        return str(self._place(key))

    def _place(self, key: str) -> Address:
        require_key(key)
        return self._root.below(key)


_: type[Store] = S3Store
