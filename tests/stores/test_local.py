"""The local store keeps the promises of a store, also when the disk does not."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from outcrop.domain.errors import StorageFailure
from outcrop.stores.local import LocalStore
from outcrop.stores.protocol import Store
from outcrop.testing.stores import StoreContract


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return LocalStore(tmp_path / "store")

    @pytest.fixture
    def damage(self, tmp_path: Path, store: Store) -> Callable[[str, bytes | None], None]:
        def change(key: str, data: bytes | None) -> None:
            path = tmp_path / "store" / key
            if data is None:
                path.unlink()
            else:
                path.write_bytes(data)

        return change


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    store.write("a", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailure, match="No space left"):
        store.write("a", b"new")
    assert store.read("a") == b"old"
    assert [entry.key for entry in store.entries()] == ["a"]


def test_a_folder_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path / "store")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "file").write_bytes(b"x")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailure, match="No space left"):
        store.put_folder(tmp_path / "given", "models/m")
    assert not store.exists("models/m")
    assert list(store.entries()) == []
