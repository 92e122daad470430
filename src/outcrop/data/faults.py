"""Where the faults of a dataset are."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from outcrop.domain.errors import Fault, InvalidInput


def place(path: Path) -> str:
    """A path as faults name it: bytes of its name that aren't UTF-8 are written as escapes, so that it prints."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def in_line(error: InvalidInput, where: str, line: int) -> list[Fault]:
    """The faults of an error that knew the record and not its place, put in that place."""
    return [replace(fault, where=where, line=line) for fault in error.faults]
