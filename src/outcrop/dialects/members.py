"""Reading the members of a body: each that is wrong leaves a fault, and the next one is read."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import KEPT, FaultCollection, closest, described, shown

#: Texts that end a response, at most; Converse's own limit.
MOST_STOPS = 2_500

#: The largest whole number that Converse's members hold.
LARGEST = 2**31 - 1

_NAME = re.compile(r"\w{1,60}(\[\d+\])?", re.ASCII)


class Members:
    """The members of one object of a body; what is never asked for is unknown, and a fault.

    A member that is null is taken for one that is left out.
    """

    def __init__(self, value: object, place: str = "", faults: FaultCollection | None = None) -> None:
        self._value: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        self._place = place
        self._faults = FaultCollection() if faults is None else faults
        self._known: dict[str, None] = {}
        self._refused: set[str] = set()
        self._inner: list[Members] = []
        if not isinstance(value, Mapping):
            self._add(place, described(value), "a JSON object")

    def given(self, name: str) -> Any:
        """A member as it is; None where it is left out."""
        self._known[name] = None
        return self._value.get(name)

    def fault(self, name: str, expected: str) -> None:
        """Add a fault in a member: what it should have been, or what to do."""
        value = self._value.get(name)
        blank = isinstance(value, str) and (not value or value.isspace())
        found = "no such member" if name not in self._value else described(value)
        self._add(self._at(name), f"{found}, which is blank" if blank else found, expected)

    def names(self) -> tuple[str, ...]:
        """The names of all members."""
        return tuple(self._value)

    def passed_over(self, *names: str) -> None:
        """Members that may be there and change nothing."""
        for name in names:
            self.given(name)

    def refused(self, why: str, *names: str) -> bool:
        """Whether there are members that ask for what is not supported, each a fault; empty ones ask for nothing."""
        asking = [name for name in names if self._value.get(name)]
        for name in asking:
            self.fault(name, f"the member left out: {why}")
        self._refused.update(names)
        return bool(asking)

    def text(self, name: str) -> str:
        """A text that must be there and say something; "" with a fault where it does not."""
        value = self.given(name)
        if isinstance(value, str) and value and not value.isspace():
            return self._written(name, value)
        self.fault(name, "a text that is not blank")
        return ""

    def word(self, name: str, words: Sequence[str], *, needed: bool = False) -> str:
        """One of some words; "" where it is left out or wrong."""
        value = self.given(name)
        if value is None and not needed:
            return ""
        if isinstance(value, str) and value in words:
            return value
        self.fault(name, " or ".join(map(shown, words)))
        return ""

    def whole(self, *names: str, usual: int | None, least: int = 0, most: int = LARGEST) -> int:
        """A whole number under one of some names; ``usual`` where it is left out, None of which makes it needed."""
        name = self._one_of(names)
        value = self.given(name)
        if value is None and usual is not None:
            return usual
        if _is_number(value) and value == value // 1 and least <= value <= most:
            return int(value)
        self.fault(name, f"a whole number, {least} to {most}")
        return least

    def number(self, *names: str, usual: float, most: float = 1.0) -> float:
        """A number from 0 under one of some names; ``usual`` where it is left out."""
        name = self._one_of(names)
        value = self.given(name)
        if value is None:
            return usual
        if _is_number(value) and 0 <= value <= most:
            return float(value)
        self.fault(name, f"a number, 0 to {most:g}")
        return usual

    def seed(self, *names: str) -> int:
        """What decides every sample, under one of some names, or "seed"; where none is given, one that is drawn."""
        return self.whole("seed", *names, usual=secrets.randbelow(LARGEST + 1))

    def stops(self, *names: str) -> tuple[str, ...]:
        """Texts that end a response, under one of some names."""
        name = self._one_of(names)
        value = self.given(name)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > MOST_STOPS:
            self.fault(name, f"a list of at most {MOST_STOPS} texts")
            return ()
        return tuple(self._stop(f"{name}[{place}]", each) for place, each in enumerate(value))

    def within(self, name: str) -> Members:
        """The members of an object that may be left out."""
        value = self.given(name)
        self._inner.append(Members({} if value is None else value, self._at(name), self._faults))
        return self._inner[-1]

    def each_in(self, name: str, expected: str) -> Iterator[Members]:
        """The members of each object of a list that must be there and not be empty.

        When the next one is taken, nothing more is asked of the one before.
        """
        value = self.given(name)
        if not isinstance(value, list) or not value:
            self.fault(name, expected)
            return
        for place, each in enumerate(value):
            if self._is_full():
                return
            members = Members(each, self._at(f"{name}[{place}]"), self._faults)
            yield members
            members._look_for_unknown()

    def done(self) -> None:
        """Nothing more is asked for.

        Raises:
            InvalidInput: There were faults, or members are there that nobody asked for: all of them.
        """
        self._look_for_unknown()
        if self._faults.total:
            raise InvalidInput(self._faults.kept, self._faults.total)

    def _look_for_unknown(self) -> None:
        for name in self._value:
            if name not in self._known and name not in self._refused and not self._is_full():
                self._add(self._at(name), f"an unknown member {shown(name)}", closest(name, self._known))
        for each in self._inner:
            each._look_for_unknown()

    def _is_full(self) -> bool:
        """Whether there are as many faults as are kept: a body can have millions, and no more are looked for."""
        return self._faults.total >= KEPT

    def _one_of(self, names: Sequence[str]) -> str:
        """The name that is used; a second one that says the same thing is a fault."""
        used = [name for name in names if self.given(name) is not None]
        for name in used[1:]:
            self.fault(name, f"the member left out: {shown(used[0])} says it already")
        return used[0] if used else names[0]

    def _stop(self, name: str, value: object) -> str:
        if isinstance(value, str) and value:
            return self._written(name, value)
        self._add(self._at(name), described(value), "a text that is not empty")
        return ""

    def _written(self, name: str, text: str) -> str:
        """A text that can be written in UTF-8, which JSON does not promise."""
        try:
            text.encode()
        except UnicodeEncodeError:
            self._add(self._at(name), "half of a surrogate pair (\\ud800 to \\udfff alone)", "a text in Unicode")
        return text

    def _at(self, name: str) -> str:
        """Where a member is, such as ``messages[1].role``; names that are none are written so that they print."""
        plain = name if _NAME.fullmatch(name) else shown(name)
        return f"{self._place}.{plain}" if self._place else plain

    def _add(self, place: str, found: str, expected: str) -> None:
        self._faults.add(Fault("body", None, place, found, expected))


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
