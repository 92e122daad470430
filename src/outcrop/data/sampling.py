"""Some records of many, always the same ones: which they are depends on what they say and on a seed."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterable

from outcrop.data.reading import JsonObject


def sample(rows: Iterable[JsonObject], limit: int, seed: int = 0) -> list[JsonObject]:
    """Draw ``limit`` rows without replacement, in the order they came in; all of them where there are no more.

    The rows with the lowest SHA-256 of seed and content are drawn. So the draw does not depend on the order of the
    rows, a larger limit keeps every row of a smaller one, and a row added to the table displaces at most one. Of rows
    that are equal, the earlier is drawn first. Memory is that of the rows drawn.

    Args:
        rows: JSON objects.
        limit: How many; 0 or more.
        seed: Another seed draws other rows.
    """
    keyed = ((_digest(row, seed), number, row) for number, row in enumerate(rows))
    drawn = heapq.nsmallest(limit, keyed, key=lambda entry: entry[:2])
    return [row for _, _, row in sorted(drawn, key=lambda entry: entry[1])]


def sampled_places(rows: Iterable[JsonObject], limit: int, seed: int = 0) -> list[int]:
    """The places of the rows that ``sample`` draws, in their order."""
    keyed = ((_digest(row, seed), number) for number, row in enumerate(rows))
    return sorted(number for _, number in heapq.nsmallest(limit, keyed))


def _digest(row: JsonObject, seed: int) -> bytes:
    content = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{seed}\n{content}".encode()).digest()
