from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from outcrop.data import documents
from outcrop.data.checking import check
from outcrop.data.documents import Documents
from outcrop.data.reading import Line, content_hash
from outcrop.data.records import read
from outcrop.domain.errors import Fault
from outcrop.domain.records import Purpose, TextRecord


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "texts"
    (root / "b" / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    contents = {
        "a.txt": "first\n",
        "b/deep/z.md": "# A title\n\n*kept* as it is\r\n",
        "b.MD": "山",
        "b/empty.txt": " \n",
        "b/code.py": "no text",
        ".hidden.md": "no",
        ".git/x.md": "no",
    }
    for name, text in contents.items():
        (root / name).write_bytes(text.encode())
    return root


def faults(path: Path) -> list[str]:
    return [str(each).removeprefix(str(path)) for each in Documents(path) if isinstance(each, Fault)]


def test_each_file_is_a_text_in_the_order_of_names(folder: Path) -> None:
    records = list(read(folder, Purpose.PRE_TRAINING))
    assert records == [
        TextRecord(1, "first\n"),
        TextRecord(2, "山"),
        TextRecord(3, "# A title\n\n*kept* as it is\r\n"),
    ]
    found = check(folder, Purpose.PRE_TRAINING)
    assert (found.n_records, found.n_blank, found.n_faults, found.format) == (3, 1, 0, "text")


@pytest.mark.parametrize("name", ["a.txt", "b.MD"])
def test_a_text_alone(folder: Path, name: str) -> None:
    path = folder / name
    assert [record.line for record in read(path, Purpose.PRE_TRAINING)] == [1]
    assert check(path, Purpose.PRE_TRAINING).content_hash == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_hash_of_a_folder_is_what_a_shell_can_make(folder: Path) -> None:
    command = "find . -name '.?*' -prune -o -type f \\( -iname '*.txt' -o -iname '*.md' \\) -printf '%P\\0'"
    command += " | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=True).stdout
    found = check(folder, Purpose.PRE_TRAINING)
    assert found.content_hash == content_hash(folder) == printed.split()[0]


@pytest.mark.parametrize("change", ["content", "name", "more", "less"])
def test_the_hash_changes_with_names_and_contents(folder: Path, change: str) -> None:
    before = content_hash(folder)
    (folder / "b" / "code.py").write_text("another")
    assert content_hash(folder) == before
    if change == "content":
        (folder / "a.txt").write_text("other")
    elif change == "name":
        (folder / "a.txt").rename(folder / "aa.txt")
    elif change == "more":
        (folder / "c.txt").write_text("c")
    else:
        (folder / "a.txt").unlink()
    assert content_hash(folder) != before


def test_links_are_not_followed_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    (folder / "in.txt").symlink_to(folder / "a.txt")
    (folder / "in").symlink_to(folder / "b")
    assert [record.text for record in read(folder, Purpose.PRE_TRAINING)].count("first\n") == 2
    (folder / "out.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (folder / "out").symlink_to(tmp_path / "outside")
    expected = (
        "found a link that leads out of the folder; expected files of the folder itself: copy it in, or remove it"
    )
    assert [fault.partition(", or remove")[0] for fault in faults(folder)] == [
        f"/{name}: {expected.partition(', or remove')[0]}" for name in ("out", "out.txt")
    ]
    assert "secret" not in {each.value["text"] for each in Documents(folder) if isinstance(each, Line)}


def test_faults_name_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "b" / "bad.txt").write_bytes(b"ab\xff")
    (folder / "nul.txt").write_bytes(b"ab\x00")
    os.mkfifo(folder / "pipe.txt")
    monkeypatch.setattr(documents, "LONGEST_TEXT", 20)
    assert faults(folder) == [
        "/b/bad.txt: found a byte that isn't UTF-8 (0xff, byte 3 of the text); expected UTF-8: save it as UTF-8",
        "/b/deep/z.md: found a text of 28 bytes; expected at most 20 bytes: take it apart into files of chapters, say",
        "/nul.txt: found binary data (a NUL at byte 3); expected a text, as UTF-8",
        "/pipe.txt: found a pipe or a device; expected a regular file: it is read more than once",
    ]
    found = check(folder, Purpose.PRE_TRAINING)
    assert (found.n_records, found.n_faults) == (2, 4)
    assert found.content_hash == content_hash(folder)


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("x")
    wanted = "a folder with files whose names end in .txt or .md"
    assert faults(tmp_path) == [f": found no texts; expected {wanted}"]
    (tmp_path / "x.txt").write_text(" ")
    assert faults(tmp_path) == [f": found only blank texts; expected {wanted}"]
    assert faults(tmp_path / "x.txt") == [": found a blank file; expected a text"]
    assert faults(tmp_path / "no.txt")[0].startswith(": found no text that can be read (No such file or directory)")


def test_a_folder_is_no_training_data(folder: Path) -> None:
    (fault,) = check(folder, Purpose.FINE_TUNING).faults
    assert fault.found == "a folder"
