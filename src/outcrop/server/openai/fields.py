"""The members of a request's body, taken one by one: each that is wrong leaves a fault, and the next one is read."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import FaultCollection, described, shown

_WHERE = "request"

#: Members that are unknown may be as many as fit into a body; a person reads the first of them.
_UNKNOWN_SHOWN = 20
#: Messages and parts of messages, all together: more than any conversation has, few enough to look at each.
_MOST_ENTRIES = 10_000
#: An ARN has no more characters.
_LONGEST_NAME = 2048


@dataclass
class _Reading:
    """What the objects of one body share: the faults, and how many entries of lists may still be looked at."""

    faults: FaultCollection = field(default_factory=FaultCollection)
    entries_left: int = _MOST_ENTRIES


class Fields:
    """The members of an object in a body; null means that a member is not there, as it does at OpenAI."""

    def __init__(self, given: Mapping[str, Any], inside: str = "", reading: _Reading | None = None) -> None:
        """Read an object.

        Args:
            given: Its members.
            inside: What stands before their names in faults, such as ``messages[0].``.
            reading: That of the body which the object lies in; a new one where None.
        """
        self._given = given
        self._inside = inside
        self._reading = reading or _Reading()
        self._known: set[str] = set()

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong so far."""
        return not self._reading.faults.total

    def fault(self, name: str, found: str, expected: str) -> None:
        """Add a fault of a member."""
        self._reading.faults.add(Fault(_WHERE, None, f"{self._inside}{name}".rstrip("."), found, expected))

    def take(self, name: str) -> Any:
        """A member as it is; None where there is none."""
        self._known.add(name)
        return self._given.get(name)

    def text(self, name: str) -> str:
        """A text that must be there, and may be empty; "" with a fault where it is wrong."""
        return self.is_text(name, self.take(name), "a text")

    def name(self, name: str) -> str:
        """A name that must be there: a text without control characters; "" with a fault where it is wrong."""
        value = self.is_text(name, self.take(name), "a name", least=1)
        if len(value) > _LONGEST_NAME or any(sign < " " for sign in value):
            self.fault(name, described(value), f"a name of {_LONGEST_NAME} characters at most, none of control")
            return ""
        return value

    def is_text(self, name: str, value: object, expected: str, *, least: int = 0) -> str:
        """A value that must be a text of whole characters, ``least`` of them; "" with a fault where it is none."""
        if not isinstance(value, str) or len(value) < least:
            self.fault(name, "nothing" if value is None else described(value), expected)
            return ""
        try:
            value.encode()
        except UnicodeEncodeError:
            # JSON can name halves of characters, which no tokenizer reads and no file keeps.
            self.fault(name, f"half a character in {shown(value)}", expected)
            return ""
        return value

    def flag(self, name: str) -> bool:
        """A truth value; False where it is not there."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            self.fault(name, described(value), "true or false")
        return value is True

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number within bounds; None where it is not there, or wrong."""
        value = self.take(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
            return value
        self.fault(name, described(value), f"a whole number, {low} to {high}")
        return None

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number within bounds; None where it is not there, or wrong."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        self.fault(name, described(value), f"a number, {low:g} to {high:g}")
        return None

    def entries(self, name: str, value: object, expected: str) -> Iterator[Fields]:
        """What reads each object of a list, which may not be empty."""
        if not isinstance(value, list) or not 0 < len(value) <= self._reading.entries_left:
            found = "nothing" if value is None else described(value)
            most = f", with {_MOST_ENTRIES} entries in the whole request at most"
            self.fault(name, found, f"{expected}{most if isinstance(value, list) else ''}")
            return
        self._reading.entries_left -= len(value)
        for place, each in enumerate(value):
            if isinstance(each, dict):
                yield Fields(each, f"{self._inside}{name}[{place}].", self._reading)
            else:
                self.fault(f"{name}[{place}]", described(each), "an object")

    def inner(self, name: str) -> Fields | None:
        """The members of an object; None where it is not there, or none."""
        value = self.take(name)
        if value is not None and not isinstance(value, dict):
            self.fault(name, described(value), "an object")
        return Fields(value, f"{self._inside}{name}.", self._reading) if isinstance(value, dict) else None

    def only(self, supported: Mapping[str, tuple[object, ...]]) -> None:
        """Add a fault for each member that asks for what is not supported.

        Args:
            supported: The values, by the member's name, that ask for nothing; null always does.
        """
        for name, values in supported.items():
            given = self.take(name)
            if given is None or any(_same(given, value) for value in values):
                continue
            instead = " or ".join([*(json.dumps(value) for value in values), "the member left out"])
            why = "other values are not supported" if values else f"{name} is not supported"
            self.fault(name, described(given), f"{instead}: {why}")

    def passed_over(self, *names: str) -> None:
        """Know members that change nothing of what is answered."""
        self._known.update(names)

    def no_others(self) -> None:
        """Add a fault for each member that nobody knows, with the closest one that is known."""
        for name in islice((name for name in self._given if name not in self._known), _UNKNOWN_SHOWN):
            close = difflib.get_close_matches(name[:100], self._known, n=1)
            expected = f"{shown(close[0])}, the closest known one" if close else "the member left out"
            self.fault("", f"an unknown member {shown(name)}", expected)

    def finish(self) -> None:
        """Refuse members that nobody knows, and whatever was wrong.

        Raises:
            InvalidInput: All faults.
        """
        self.no_others()
        if not self.sound:
            raise InvalidInput(self._reading.faults.kept, self._reading.faults.total)


def _same(given: object, value: object) -> bool:
    """Whether two values of JSON are equal; True is not 1."""
    return given == value and isinstance(given, bool) == isinstance(value, bool)
