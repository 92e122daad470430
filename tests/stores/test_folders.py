"""Files in folders that are not ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from outcrop.domain.errors import NotFound, StorageFailure
from outcrop.stores.folders import copy_file, list_folder


def test_files_are_listed_by_name_and_links_by_what_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(b"12")
    (tmp_path / "z").write_bytes(b"123")
    (tmp_path / "a").symlink_to(tmp_path / "z")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    found = list_folder(tmp_path)
    assert [(file.name, file.size) for file in found] == [("a", 3), ("b/c", 2), ("z", 3)]
    assert found[2].changed == (tmp_path / "z").stat().st_mtime
    assert list_folder(tmp_path / "gone") == []


def test_a_copy_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outcrop.stores.folders._CHUNK", 4)
    (tmp_path / "a").write_bytes(b"0123456789")
    told: list[tuple[int, int]] = []
    copy_file(tmp_path / "a", tmp_path / "b", lambda done, total: told.append((done, total)))
    assert (tmp_path / "b").read_bytes() == b"0123456789"
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_what_can_not_be_copied(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="gone: there is no such file"):
        copy_file(tmp_path / "gone", tmp_path / "b")
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(StorageFailure, match="can't be written"):
        copy_file(tmp_path / "a", tmp_path / "no" / "b")
    with pytest.raises(StorageFailure, match="can't be copied"):
        copy_file(tmp_path, tmp_path / "b")
