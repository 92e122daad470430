"""The S3 store keeps the promises of a store, over the real client."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from outcrop.domain.errors import NotFound, StorageFailure
from outcrop.settings import read_settings
from outcrop.stores.address import Address
from outcrop.stores.local import LocalStore
from outcrop.stores.opening import open_store
from outcrop.stores.protocol import Store
from outcrop.stores.s3 import S3Store
from outcrop.stores.s3_service import S3Service
from outcrop.testing.stores import StoreContract

pytestmark = pytest.mark.server


@pytest.fixture
def store(bucket: str, tmp_path: Path) -> S3Store:
    return S3Store(Address(bucket, "team/outcrop"), S3Service(), tmp_path / "cache")


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"weights")
    return folder


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, bucket: str, tmp_path: Path) -> Store:
        return S3Store(Address(bucket, "team/outcrop"), S3Service(), tmp_path / "cache")

    @pytest.fixture
    def damage(self, bucket: str, store: Store) -> Callable[[str, bytes | None], None]:
        client = S3Service().client

        def change(key: str, data: bytes | None) -> None:
            if data is None:
                client.delete_object(Bucket=bucket, Key=f"team/outcrop/{key}")
            else:
                client.put_object(Bucket=bucket, Key=f"team/outcrop/{key}", Body=data)

        return change


def test_a_bucket_may_be_a_store_without_a_prefix(bucket: str, tmp_path: Path) -> None:
    store = S3Store(Address(bucket, ""), S3Service(), tmp_path)
    store.write("a/b", b"x")
    assert [(entry.key, entry.size) for entry in store.entries()] == [("a/b", 1)]
    assert store.address("a/b") == f"s3://{bucket}/a/b"


def test_a_folder_is_copied_once(store: S3Store, given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put_folder(given, "models/m")
    first = store.get_folder("models/m")
    monkeypatch.setattr(S3Service, "download", None)
    assert store.get_folder("models/m", verify=True) == first


def test_what_is_moved_in_need_not_come_back(store: S3Store, given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put_folder(given, "models/m", move=True)
    monkeypatch.setattr(S3Service, "download", None)
    assert (store.get_folder("models/m", verify=True) / "weights.bin").read_bytes() == b"weights"
    assert not given.exists()


def test_a_damaged_copy_is_made_again(store: S3Store, given: Path) -> None:
    store.put_folder(given, "models/m")
    (store.get_folder("models/m") / "weights.bin").write_bytes(b"damaged")
    assert (store.get_folder("models/m", verify=True) / "weights.bin").read_bytes() == b"weights"


def test_deleting_lets_the_copy_go_too(store: S3Store, given: Path, tmp_path: Path) -> None:
    store.put_folder(given, "models/m", move=True)
    copy = store.get_folder("models/m")
    store.delete("models/m")
    assert not copy.exists()


def test_an_altered_small_file_is_found_by_its_hash(store: S3Store, bucket: str) -> None:
    store.write("a", b"old")
    client = S3Service().client
    metadata = client.head_object(Bucket=bucket, Key="team/outcrop/a")["Metadata"]
    client.put_object(Bucket=bucket, Key="team/outcrop/a", Body=b"new", Metadata=metadata)
    with pytest.raises(StorageFailure, match=r"s3://bucket.*/a: its hash is .*, expected .*: the file was altered"):
        store.read("a")


def test_listing_goes_on_after_the_first_page(store: S3Store, bucket: str) -> None:
    client = S3Service().client
    for number in range(1005):
        client.put_object(Bucket=bucket, Key=f"team/outcrop/n/{number:04}", Body=b"")
    assert len(list(store.entries("n/"))) == 1005
    store.delete("n")
    assert list(store.entries()) == []


def test_a_large_file_goes_and_comes_in_parts(store: S3Store, given: Path) -> None:
    content = os.urandom(20 << 20)
    (given / "weights.bin").write_bytes(content)
    store.put_folder(given, "models/m")
    found = store.get_folder("models/m", verify=True)
    assert (found / "weights.bin").read_bytes() == content


def test_an_upload_that_fails_leaves_nothing(store: S3Store, given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (given / "z").write_bytes(b"z")
    real = S3Service.upload

    def fails(self: S3Service, file: Path, address: Address, tell: None = None) -> None:
        if file.name == "z":
            raise StorageFailure("no more")
        real(self, file, address, tell)

    monkeypatch.setattr(S3Service, "upload", fails)
    with pytest.raises(StorageFailure, match="no more"):
        store.put_folder(given, "models/m")
    assert list(store.entries()) == []


def test_what_a_killed_upload_left_is_swept_up_a_day_later(
    store: S3Store, given: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    real = S3Service.put

    def dies(self: S3Service, address: Address, data: bytes, *, new: bool = False) -> None:
        if new:
            raise Killed
        real(self, address, data, new=new)

    monkeypatch.setattr(S3Service, "put", dies)
    with pytest.raises(Killed):
        store.put_folder(given, "models/m")
    monkeypatch.setattr(S3Service, "put", real)
    assert not store.exists("models/m")
    with pytest.raises(NotFound, match="no such folder"):
        store.get_folder("models/m")
    store.sweep()
    assert [entry.key for entry in store.entries()] == ["models/m/weights.bin"]
    two_days_on = time.time() + 2 * 24 * 3600
    monkeypatch.setattr(time, "time", lambda: two_days_on)
    store.sweep()
    assert list(store.entries()) == []


def test_the_settings_name_the_store(bucket: str, tmp_path: Path) -> None:
    """With an endpoint it is the service's, without one a folder of the home."""
    there = {"OUTCROP_HOME": str(tmp_path), "OUTCROP_STORE": f"s3://{bucket}/outcrop"}
    assert isinstance(open_store(read_settings(there)), S3Store)
    folder = open_store(read_settings({**there, "OUTCROP_S3": "folder"}))
    assert isinstance(folder, LocalStore)
    assert folder.address("a") == str(tmp_path / "s3" / bucket / "outcrop" / "a")


def test_without_an_endpoint_a_bucket_is_a_folder(tmp_path: Path) -> None:
    found = open_store(read_settings({"OUTCROP_HOME": str(tmp_path), "OUTCROP_STORE": "s3://team"}))
    assert found.address("a") == str(tmp_path / "s3" / "team" / "a")


def test_amazon_is_meant_only_where_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "for something else")
    settings = {"OUTCROP_HOME": str(tmp_path), "OUTCROP_STORE": "s3://team"}
    assert isinstance(open_store(read_settings(settings)), LocalStore)
    assert isinstance(open_store(read_settings({**settings, "OUTCROP_S3": "remote"})), S3Store)
