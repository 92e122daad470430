"""What of a request decides whether it is let in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Request:
    """A request as it was sent: nothing decoded, nothing put in order. Bytes beyond ASCII are read as Latin-1.

    Attributes:
        method: In capitals.
        path: With its percent signs.
        query: What follows the question mark, or "".
        headers: Names and values in the order they came.
        body: All of it.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes = field(repr=False)

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """The values of each header, by its name in small letters."""
        values: dict[str, list[str]] = {}
        for name, value in self.headers:
            values.setdefault(name.lower(), []).append(value)
        return values
