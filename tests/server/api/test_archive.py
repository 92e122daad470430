"""A folder as a tar archive."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from outcrop.server.api.archive import PIECE, archive_of


def test_it_is_what_tar_reads_and_as_long_as_it_says(tmp_path: Path) -> None:
    content = {
        "empty": b"",
        "block": b"x" * 512,
        "more": b"y" * 513,
        "ä ö\"'.txt": "ü".encode(),
        "deep/er/file": b"z" * (2 * PIECE + 1),
        "n" * 180: b"a long name",
    }
    for name, data in content.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    archive = archive_of(tmp_path, "model", 12.5)
    pieces = list(archive.pieces())
    body = b"".join(pieces)
    assert len(body) == archive.size
    assert max(map(len, pieces)) <= PIECE
    with tarfile.open(fileobj=io.BytesIO(body)) as opened:
        files = {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]
        assert {(member.mtime, member.uid, member.uname) for member in opened} == {(12, 0, "")}
    assert files == {f"model/{name}": data for name, data in content.items()}


def test_a_file_beyond_the_old_limit_has_its_size_in_the_header(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(9 * 1024**3)
    archive = archive_of(tmp_path, "m", 0.0)
    first = next(archive.pieces())
    with tarfile.open(fileobj=io.BytesIO(first), mode="r|") as opened:
        member = opened.next()
    assert member is not None
    assert member.size == 9 * 1024**3
    assert archive.size > member.size


def test_a_file_that_shrinks_ends_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"long")
    archive = archive_of(tmp_path, "m", 0.0)
    (tmp_path / "file").write_bytes(b"lo")
    with pytest.raises(OSError, match="shorter than it was"):
        list(archive.pieces())
