"""How faults are collected, and how a value is shown in one."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection
from dataclasses import dataclass, field

from outcrop.domain.errors import Fault

KEPT = 1_000
"""Faults kept of a file, or of a request's body; the others are counted."""

LONGEST_SHOWN = 60
"""Characters of a value that a fault shows."""


@dataclass
class FaultCollection:
    """The first thousand faults of an input, and the number of all."""

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


def closest(name: str, known: Collection[str]) -> str:
    """What is said instead of a name that is not known: the known one that is spelt most like it, or all of them."""
    plain = {_plain(each): each for each in known}
    close = difflib.get_close_matches(_plain(name), plain, n=1)
    if close:
        return f"{shown(plain[close[0]])}, the closest known field"
    return f"only {', '.join(shown(each) for each in known)}"


def _plain(name: str) -> str:
    """Spelling without case and separators, so that reference_response is close to referenceResponse."""
    return name[:100].replace("_", "").replace("-", "").replace(" ", "").lower()


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
