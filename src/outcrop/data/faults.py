"""How faults are collected, and how a value is shown in one."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from outcrop.domain.errors import Fault, InvalidInput

KEPT = 1_000
"""Faults kept of a file; the others are counted."""

LONGEST_SHOWN = 60
"""Characters of a value that a fault shows."""


@dataclass
class FaultCollection:
    """The first thousand faults of a file, and the number of all."""

    kept: list[Fault] = field(default_factory=list)
    total: int = 0

    def add(self, fault: Fault) -> None:
        """Count a fault, and keep it while there is room."""
        self.total += 1
        if len(self.kept) < KEPT:
            self.kept.append(fault)


def shown(text: str) -> str:
    """A text in quotes, shortened, safe for any terminal: what does not print is written as its escape."""
    short = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    return "".join(char if char.isprintable() else _escape(char) for char in json.dumps(short, ensure_ascii=False))


def described(value: object) -> str:
    """A JSON value in a few words: a text or number as it is, of a list or an object only the size."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with {', '.join(shown(name) for name in list(value)[:5])}" if value else "an empty object"
    if isinstance(value, int | float):
        return f"the number {str(value)[:LONGEST_SHOWN]}"
    return f"a value of the type {type(value).__name__}"


def place(path: Path) -> str:
    """A path as faults name it: bytes of its name that aren't UTF-8 are written as escapes, so that it prints."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def in_line(error: InvalidInput, where: str, line: int) -> list[Fault]:
    """The faults of an error that knew the record and not its place, put in that place."""
    return [replace(fault, where=where, line=line) for fault in error.faults]


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
