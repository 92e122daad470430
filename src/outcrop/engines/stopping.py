"""Stop sequences: where a text ends, and how much of an unfinished text can no longer change."""

from __future__ import annotations

from collections.abc import Sequence

#: What a decoder writes for bytes that are no character, or not yet.
_BROKEN = "\ufffd"


def first_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where the first of the stop sequences begins; None where there is none."""
    places = [place for place in (text.find(stop) for stop in stops) if place >= 0]
    return min(places) if places else None


def stop_at(text: str, place: int, stops: Sequence[str]) -> str:
    """The stop sequence that begins at a place where one does; of several, the first that was given."""
    return next(stop for stop in stops if text.startswith(stop, place))


def settled(text: str, stops: Sequence[str]) -> int:
    """How many characters of an unfinished text are certain.

    What may still become another character (a half-written UTF-8 sequence) or the beginning of a stop sequence is not.
    """
    certain = text.rstrip(_BROKEN)
    return len(certain) - max((_overlap(certain, stop) for stop in stops), default=0)


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of the text that begins the stop sequence."""
    longest = min(len(stop) - 1, len(text))
    return next((length for length in range(longest, 0, -1) if text.endswith(stop[:length])), 0)
