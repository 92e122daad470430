"""Debian packages as sources: exact versions, checked against their SHA-256, unpacked and never installed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """A binary package at one version.

    Attributes:
        name, version: As ``apt-get download`` takes them.
        sha256: Of the ``.deb`` file.
        licence: Under which the texts that are taken from it are.
    """

    name: str
    version: str
    sha256: str
    licence: str


def unpack(packages: Sequence[Package], folder: Path, debs: Path | None = None) -> None:
    """Unpacks packages into one folder.

    Args:
        packages: What to unpack.
        folder: Where to; it gets the tree that the packages would install.
        debs: A folder that has their ``.deb`` files; where None, apt fetches them from this machine's mirror.

    Raises:
        SystemExit: A package can't be had at its version, or is not the one that was used.
    """
    for package in packages:
        file = _deb(package, folder / "debs") if debs is None else _in_folder(package, debs)
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != package.sha256:
            raise SystemExit(f"{file.name}: SHA-256 {found}, expected {package.sha256}")
        subprocess.run(["dpkg-deb", "-x", str(file), str(folder)], check=True)


def _deb(package: Package, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755)
    command = ["apt-get", "download", f"{package.name}={package.version}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    files = sorted(folder.glob("*.deb"))
    if not files:
        raise SystemExit(
            f"apt has no {package.name} {package.version} ({done.stderr.strip().splitlines()[-1:]}): get the file from "
            "Debian's snapshot archive, and pass its folder as --debs"
        )
    return files[0]


def _in_folder(package: Package, debs: Path) -> Path:
    version = package.version.partition(":")[2] or package.version
    files = [file for file in debs.glob(f"{package.name}_*.deb") if f"_{version}_" in file.name.replace("%3a", ":")]
    files += [file for file in debs.glob(f"{package.name}_*{version}_*.deb") if file not in files]
    if not files:
        raise SystemExit(f"{debs}: no .deb of {package.name} {package.version}")
    return files[0]
