"""What every list in parts is asked by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PageQuery:
    """Which part of a list is looked for.

    Attributes:
        name_contains: A part of the names, whatever the case.
        created_after, created_before: Seconds since the epoch, both included; None for no bound.
        newest_first: The order, by when they were created.
        after: Where the part before ended, as it said; None for the first.
        limit: The most entries of this part.
    """

    name_contains: str = ""
    created_after: float | None = None
    created_before: float | None = None
    newest_first: bool = True
    after: tuple[float, int] | None = None
    limit: int = 100
