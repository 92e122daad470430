"""Checks on the fields of one record: each that fails leaves a fault, and the next one runs."""

from __future__ import annotations

from collections.abc import Collection

from outcrop.domain.errors import Fault
from outcrop.domain.faults import closest, described, shown


class FieldCheck:
    """Reads the fields of one record and collects every fault.

    Attributes:
        faults: What was wrong so far.
    """

    def __init__(self, where: str, line: int) -> None:
        self.faults: list[Fault] = []
        self._where = where
        self._line = line

    def fault(self, field: str, found: str, expected: str) -> None:
        """Add a fault in ``field``, such as ``messages[1].role``."""
        self.faults.append(Fault(self._where, self._line, field, found, expected))

    def text(self, value: dict[str, object], name: str, inside: str = "") -> str:
        """A text that must be there and say something; "" with a fault where it does not."""
        field = inside + name
        if name not in value:
            self.fault(field, "no such field", f"a text in {shown(name)}")
            return ""
        return self.spoken(field, value[name])

    def optional_text(self, value: dict[str, object], name: str) -> str | None:
        """A text that may be left out; None where it is, or where it is wrong, which leaves a fault."""
        if name not in value:
            return None
        return self.spoken(name, value[name], "a text that is not blank, or the field left out") or None

    def optional_texts(self, value: dict[str, object], name: str) -> tuple[str, ...]:
        """A list of texts that may be left out; () where it is, or where it is wrong, which leaves faults."""
        if name not in value:
            return ()
        given = value[name]
        if not isinstance(given, list) or not given:
            found = "an empty list" if isinstance(given, list) else described(given)
            self.fault(name, found, "a list of texts, or the field left out")
            return ()
        return tuple(filter(None, (self.spoken(f"{name}[{place}]", each) for place, each in enumerate(given))))

    def only(self, value: dict[str, object], known: Collection[str], inside: str = "") -> None:
        """Add a fault for each field that is not known, with the closest one that is."""
        for name in value:
            if name not in known:
                self.fault(inside + name, f"an unknown field {shown(name)}", closest(name, known))

    def spoken(self, field: str, value: object, expected: str = "a text that is not blank") -> str:
        """A value that must be a text and say something; "" where it is not, which leaves a fault."""
        if isinstance(value, str) and value and not value.isspace():
            return value
        found = f"{shown(value)}, which is blank" if isinstance(value, str) else described(value)
        self.fault(field, found, expected)
        return ""
