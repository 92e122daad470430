"""Entities of a sequence of tags: from ``B-PER I-PER O`` to a person at places 0 and 1.

Source: Ramshaw and Marcus, "Text Chunking using Transformation-Based Learning", 1995 (IOB1); Ratnaparkhi, 1998 (IOB2);
the rules for tags of any scheme are those of the script conlleval of CoNLL-2000.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Scheme = Literal["any", "IOB1", "IOB2", "BIOES"]


class Span(NamedTuple):
    """An entity: its type, and where it begins and ends, the end not included."""

    type: str
    start: int
    end: int


class _Rules(NamedTuple):
    begin: str
    go_on: str
    must_close: bool


_RULES: dict[Scheme, _Rules] = {
    "any": _Rules("BIES", "IE", False),
    "IOB1": _Rules("BI", "I", False),
    "IOB2": _Rules("B", "I", False),
    "BIOES": _Rules("BS", "IE", True),
}
_OUTSIDE = ("O", "")


def faulty(tags: Sequence[str], scheme: Scheme) -> list[int]:
    """The places of tags that are neither ``O`` nor a mark of the scheme, alone or with ``-TYPE``."""
    marks = {"O", *_RULES[scheme].begin, *_RULES[scheme].go_on}
    return [place for place, tag in enumerate(tags) if tag.partition("-")[0] not in marks or tag.startswith("O-")]


def spans(tags: Sequence[str], scheme: Scheme) -> frozenset[Span]:
    """The entities of a sequence.

    Args:
        tags: ``O``, or a mark with a type: ``B-PER``. A mark alone has the type "".
        scheme: ``IOB1``: an entity is tags I; its first is B where an entity of the same type stands right before.
            ``IOB2``: B, then any number of I. ``BIOES``: S, or B, any number of I, E. What doesn't follow the scheme is
            no entity. ``any``: the schemes mixed and nothing refused, as conlleval reads it: B and S begin an entity,
            so do I and E where none of their type is open, and E and S end one.

    Returns:
        The spans; all tags of one have the same type.
    """
    rules = _RULES[scheme]
    found: set[Span] = set()
    start: int | None = None
    last, kind = _OUTSIDE
    for place, tag in enumerate([*tags, "O"]):
        mark, _, other = tag.partition("-")
        goes_on = start is not None and mark in rules.go_on and other == kind and last not in "ES"
        after: Span | None = None
        if start is not None and not goes_on:
            after = Span(kind, start, place)
            start = None
            if last in "ES" or not rules.must_close:
                found.add(after)
        if not goes_on and mark in rules.begin and (scheme != "IOB1" or mark == "I" or (after and other == kind)):
            start = place
        last, kind = mark, other
    return frozenset(found)
