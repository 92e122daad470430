"""The promises of ``Store`` as tests: subclass ``StoreContract`` and say how a store is made."""

# The name of a test says what is promised.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from outcrop.domain.errors import AlreadyExists, NotFound, StorageFailure
from outcrop.stores.protocol import Store


class StoreContract:
    """What every store promises."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        """A store with nothing in it."""
        raise NotImplementedError

    @pytest.fixture
    def damage(self, store: Store) -> Callable[[str, bytes | None], None]:
        """Overwrite the file at a key behind the store's back, or delete it where None."""
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A folder with two files, one of them in a folder below."""
        folder = tmp_path / "given"
        (folder / "deep").mkdir(parents=True)
        (folder / "weights.bin").write_bytes(bytes(range(256)) * 1000)
        (folder / "deep" / "note.txt").write_text("grüße", encoding="utf-8")
        return folder

    def test_reads_what_was_written(self, store: Store) -> None:
        store.write("jobs/a/report.json", b"{}")
        assert store.read("jobs/a/report.json") == b"{}"
        assert store.exists("jobs/a/report.json")

    def test_writing_again_replaces(self, store: Store) -> None:
        store.write("a", b"old and longer")
        store.write("a", b"new")
        assert store.read("a") == b"new"

    def test_nothing_there_is_said(self, store: Store) -> None:
        assert not store.exists("jobs/none")
        with pytest.raises(NotFound, match="jobs/none"):
            store.read("jobs/none")
        with pytest.raises(NotFound, match="jobs/none"):
            store.get_folder("jobs/none")

    @pytest.mark.parametrize(
        "key", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/.hidden", "a b", "a\nb", "ä", "a/"]
    )
    def test_a_key_can_not_lead_out(self, store: Store, key: str) -> None:
        with pytest.raises(StorageFailure, match="no key"):
            store.write(key, b"x")

    def test_a_folder_comes_back_whole(self, store: Store, folder: Path) -> None:
        store.put_folder(folder, "models/m")
        found = store.get_folder("models/m", verify=True)
        assert (found / "weights.bin").read_bytes() == (folder / "weights.bin").read_bytes()
        assert (found / "deep" / "note.txt").read_text(encoding="utf-8") == "grüße"
        assert store.exists("models/m")

    def test_a_folder_may_be_moved_in(self, store: Store, folder: Path) -> None:
        store.put_folder(folder, "models/m", move=True)
        assert (store.get_folder("models/m", verify=True) / "deep" / "note.txt").is_file()

    def test_a_folder_is_put_once(self, store: Store, folder: Path) -> None:
        store.put_folder(folder, "models/m")
        (folder / "weights.bin").write_bytes(b"other")
        with pytest.raises(AlreadyExists):
            store.put_folder(folder, "models/m")
        assert (store.get_folder("models/m", verify=True) / "weights.bin").stat().st_size == 256_000

    def test_a_cut_file_is_found_at_once(
        self, store: Store, folder: Path, damage: Callable[[str, bytes | None], None]
    ) -> None:
        store.put_folder(folder, "models/m")
        damage("models/m/weights.bin", b"cut")
        with pytest.raises(StorageFailure, match=r"weights\.bin.*3 bytes.*256,000 bytes"):
            store.get_folder("models/m")

    def test_an_altered_file_is_found_by_its_hash(
        self, store: Store, folder: Path, damage: Callable[[str, bytes | None], None]
    ) -> None:
        store.put_folder(folder, "models/m")
        damage("models/m/weights.bin", b"x" * 256_000)
        with pytest.raises(StorageFailure, match=r"weights\.bin.*hash"):
            store.get_folder("models/m", verify=True)

    def test_a_missing_file_is_found(
        self, store: Store, folder: Path, damage: Callable[[str, bytes | None], None]
    ) -> None:
        store.put_folder(folder, "models/m")
        damage("models/m/deep/note.txt", None)
        with pytest.raises(StorageFailure, match=r"note\.txt.*nothing"):
            store.get_folder("models/m")

    def test_a_folder_without_its_manifest_is_not_there(
        self, store: Store, folder: Path, damage: Callable[[str, bytes | None], None]
    ) -> None:
        store.put_folder(folder, "models/m")
        damage("models/m/manifest.json", None)
        assert not store.exists("models/m")

    def test_entries_are_listed_in_order(self, store: Store, folder: Path) -> None:
        store.write("b/2", b"22")
        store.write("a/1", b"1")
        store.put_folder(folder, "b/f")
        keys = [entry.key for entry in store.entries()]
        assert keys == sorted(keys)
        assert {"a/1", "b/2", "b/f/weights.bin", "b/f/deep/note.txt"} <= set(keys)
        assert [(entry.key, entry.size) for entry in store.entries("a/")] == [("a/1", 1)]

    def test_deleting_says_what_it_freed(self, store: Store, folder: Path) -> None:
        store.put_folder(folder, "models/m")
        store.write("models/n", b"stays")
        assert store.delete("models/m") >= 256_000
        assert not store.exists("models/m")
        assert store.delete("models/m") == 0
        assert store.read("models/n") == b"stays"

    def test_it_says_how_much_can_still_be_written(self, store: Store) -> None:
        # Before there is anything, too.
        empty = store.free()
        store.write("a", b"x")
        for free in (empty, store.free()):
            assert free is None or free > 0
