"""Numbers as a person reads and writes them."""

from __future__ import annotations

from outcrop.domain.errors import Fault, InvalidInput

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def size(count: float) -> str:
    """A number of bytes for a person."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def parse_duration(text: str, where: str) -> float:
    """Seconds of a length of time such as ``90m``, ``12h`` or ``30d``.

    Raises:
        InvalidInput: It is no whole number with one of the letters s, m, h, d, w.
    """
    number, unit = text[:-1], text[-1:]
    if number.isascii() and number.isdigit() and len(number) < 10 and unit in _SECONDS:
        return float(int(number) * _SECONDS[unit])
    raise InvalidInput([Fault(where, None, "", repr(text[:40]), "a whole number and s, m, h, d or w: 90m, 12h, 30d")])
