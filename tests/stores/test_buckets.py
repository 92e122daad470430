"""Addresses, and what lies behind them: the same promises for a folder and for an S3 service."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from outcrop.domain.errors import InvalidInput, NotFound, StorageFailure
from outcrop.settings import read_settings
from outcrop.stores.address import Address, parse
from outcrop.stores.buckets import Buckets, S3Buckets
from outcrop.stores.opening import open_buckets
from outcrop.stores.s3_service import S3Service


@pytest.fixture(params=["folder", pytest.param("remote", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest) -> Address:
    """An address below which nothing lies yet."""
    name = "data" if request.param == "folder" else str(request.getfixturevalue("bucket"))
    return Address(name, "sets/train.jsonl")


@pytest.fixture
def buckets(home: Path, place: Address) -> Buckets:
    return open_buckets(read_settings())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "mine.jsonl"
    made.write_bytes(b'{"prompt": "a"}\n')
    return made


def test_what_is_put_is_fetched(buckets: Buckets, place: Address, file: Path) -> None:
    told: list[tuple[int, int]] = []
    buckets.put(file, place)
    copy = buckets.fetch(place, lambda done, total: told.append((done, total)))
    assert copy.read_bytes() == file.read_bytes()
    assert copy.name == "train.jsonl"
    if isinstance(buckets, S3Buckets):
        assert told[-1] == (16, 16)


def test_a_file_that_changed_is_fetched_anew(buckets: Buckets, place: Address, file: Path) -> None:
    buckets.put(file, place)
    buckets.fetch(place)
    file.write_bytes(b'{"prompt": "b"}\n')
    buckets.put(file, place)
    assert buckets.fetch(place).read_bytes() == file.read_bytes()


def test_names_may_be_anybodys(buckets: Buckets, place: Address, file: Path) -> None:
    odd = parse(f"s3://{place.bucket}/a b/ü=1/ß?#%20.jsonl")
    buckets.put(file, odd)
    assert buckets.fetch(odd).read_bytes() == file.read_bytes()


def test_nothing_there_is_said(buckets: Buckets, place: Address, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"sets/train\.jsonl: there is no such file"):
        buckets.fetch(place)
    with pytest.raises(NotFound, match=r"sets/train\.jsonl: there is no such file"):
        buckets.download(place, tmp_path / "copy")
    with pytest.raises(NotFound, match=r"no files below"):
        buckets.files(place)


def test_the_files_below_an_address(buckets: Buckets, place: Address, file: Path) -> None:
    folder, before = Address(place.bucket, "models/tiny"), time.time()
    for name in ("config.json", "deep/model.safetensors", "deep/a"):
        buckets.put(file, folder.below(name))
    found = buckets.files(folder)
    assert [(each.name, each.size) for each in found] == [
        ("config.json", 16),
        ("deep/a", 16),
        ("deep/model.safetensors", 16),
    ]
    # The clock of a file is coarser than the machine's.
    assert all(before - 2 < each.changed < time.time() + 2 for each in found)
    assert buckets.files(parse(f"s3://{place.bucket}/models/tiny/")) == found
    assert len(buckets.files(parse(f"s3://{place.bucket}"))) == 3


def test_a_file_is_downloaded(buckets: Buckets, place: Address, file: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    buckets.put(file, place)
    buckets.download(place, tmp_path / "copy", lambda done, total: told.append((done, total)))
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    assert told[-1] == (16, 16)
    with pytest.raises(StorageFailure, match="No such file or directory"):
        buckets.download(place, tmp_path / "nowhere" / "copy")


@pytest.mark.server
def test_no_key_leads_out_of_the_folder(bucket: str) -> None:
    client = S3Service().client
    for key in ("m/../../up", "m//etc/passwd", "m/./here", "m/good", "m/"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert [file.name for file in open_buckets(read_settings()).files(Address(bucket, "m"))] == ["good"]


@pytest.mark.server
def test_a_file_without_room_for_it_is_not_begun(
    bucket: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shutil import disk_usage

    buckets = open_buckets(read_settings())
    buckets.put(file, Address(bucket, "a"))
    usage = disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=15))
    with pytest.raises(StorageFailure, match=r"/a: has 16 bytes, and .* has room for 15; free space there"):
        buckets.fetch(Address(bucket, "a"))


@pytest.mark.parametrize(
    "text",
    [
        "s3://",
        "s3:///a",
        "s3://B/a",
        "s3://ab/a",
        "s3://a..b/c",
        "s3://bucket/a//b",
        "s3://bucket/../a",
        "s3://bucket/a\0",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidInput, match="s3://BUCKET/KEY"):
        parse(text)


def test_addresses() -> None:
    assert parse("s3://my-bucket/a/b.jsonl") == Address("my-bucket", "a/b.jsonl")
    assert str(parse("s3://my-bucket/a/").below("c")) == "s3://my-bucket/a/c"
    assert str(parse("s3://my-bucket").below("c")) == "s3://my-bucket/c"
