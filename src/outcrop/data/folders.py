"""Folders of texts: which files belong to one, and the hash by which all of them are known."""

from __future__ import annotations

import os
from pathlib import Path

ENDINGS = (".txt", ".md")
"""How the names of texts end, in small letters or capitals."""


def list_texts(folder: Path) -> tuple[list[str], list[str]]:
    """The texts of a folder and of those in it, and the links that lead out of it, by relative name in byte order.

    What begins with a dot is hidden and passed over, and so is a link to a folder inside, whose files are met anyway.

    Raises:
        OSError: A folder can't be read.
    """
    texts, outside = [], []
    root = folder.resolve()
    for here, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        wanted = [name for name in files if not name.startswith(".") and name.lower().endswith(ENDINGS)]
        for name in (*folders, *wanted):
            path = Path(here, name)
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                outside.append(relative)
            elif name in wanted:
                texts.append(relative)
    return sorted(texts, key=os.fsencode), sorted(outside, key=os.fsencode)


def hash_line(name: str, digest: str) -> bytes:
    """What a text adds to the hash of its folder: the line that ``sha256sum`` prints for it."""
    return f"{digest}  ".encode() + os.fsencode(name) + b"\n"


def _raise(error: OSError) -> None:
    raise error
