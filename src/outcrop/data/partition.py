"""Sharing records out among parts: how many each part gets of each stratum, and which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def quotas(counts: Sequence[int], shares: Sequence[Fraction]) -> Numbers:
    """How many records of each stratum each part should get, shape ``(strata, parts)``.

    Each number is the share of the stratum rounded down or up, by largest remainder (Hamilton's method). What rounding
    took from a part in one stratum is owed to it in the next, so that strata of one record do not all go to one part.

    Args:
        counts: Records of each stratum.
        shares: Share of each part; they add up to one.
    """
    found = np.zeros((len(counts), len(shares)), dtype=np.int64)
    owed = [Fraction(0)] * len(shares)
    # The largest first: what is owed at the end is then settled by strata of which each record counts little.
    for stratum in sorted(range(len(counts)), key=lambda number: -counts[number]):
        wanted = [counts[stratum] * share for share in shares]
        given = [int(number) for number in wanted]
        owed = [debt + number - int(number) for debt, number in zip(owed, wanted, strict=True)]
        broken = [part for part, number in enumerate(wanted) if number != int(number)]
        for part in sorted(broken, key=lambda number: -owed[number])[: counts[stratum] - sum(given)]:
            given[part] += 1
            owed[part] -= 1
        found[stratum] = given
    return found


def share_out(units: Numbers, strata: Numbers, keys: NDArray[np.uint64], shares: Sequence[Fraction]) -> Numbers:
    """The part of each record, so that no unit is in two parts.

    Units go in turn, the largest first and equals by their keys, each to the part that lacks most of its quota, among
    those that the unit fits into; where it fits into none, to the part where it
    brings all nearest to their quotas by least squares. Records that stand
    alone come last and fill what is left: where all do, every quota is met.

    Args:
        units: Shape ``(n,)``: records with equal numbers stay together; from 0, without gaps.
        strata: Shape ``(n,)``: the stratum of each; from 0, without gaps.
        keys: Shape ``(n,)``: random numbers that decide the order; a unit goes by the least of its records.
        shares: Share of each part; they add up to one.
    """
    lacking = quotas(np.bincount(strata).tolist(), shares)
    room = lacking.tolist()
    wanted = np.maximum(lacking, 1).tolist()
    sizes = np.bincount(units)
    least = np.full(len(sizes), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, units, keys)
    members = np.split(strata[np.argsort(units, kind="stable")], np.cumsum(sizes)[:-1])
    parts = np.empty(len(sizes), dtype=np.int64)
    for unit in np.lexsort((least, -sizes)).tolist():
        inside = Counter(members[unit].tolist())
        part = _best(inside, room, wanted)
        for stratum, count in inside.items():
            room[stratum][part] -= count
        parts[unit] = part
    return parts[units]


def _best(inside: Counter[int], room: list[list[int]], wanted: list[list[int]]) -> int:
    places = range(len(room[0]))
    fitting = [part for part in places if all(room[stratum][part] >= count for stratum, count in inside.items())]
    if fitting:
        return max(fitting, key=lambda part: sum(room[one][part] / wanted[one][part] for one in inside))
    # What takes most from the sum of squares of what strata, and all records together, lack.
    every = range(len(room))
    alone = sum(inside.values())
    return max(
        places,
        key=lambda part: (
            sum(count * room[one][part] for one, count in inside.items())
            + alone * sum(room[one][part] for one in every)
        ),
    )


def by_time(ranks: Numbers, shares: Sequence[Fraction]) -> Numbers:
    """The part of each record, the oldest in the first; records of one time are in one part.

    Where a border falls among records of one time, it moves to the nearer end of them.

    Args:
        ranks: Shape ``(n,)``: numbers in the order of time, equal for equal times.
        shares: Share of each part; they add up to one.
    """
    ordered = np.sort(ranks)
    borders = np.cumsum(quotas([len(ranks)], shares)[0])[:-1]
    before = np.searchsorted(ordered, ordered[np.minimum(borders, len(ranks) - 1)])
    after = np.searchsorted(ordered, ordered[np.minimum(borders, len(ranks) - 1)], side="right")
    moved = np.where(borders - before <= after - borders, before, after)
    places = np.empty(len(ranks), dtype=np.int64)
    places[np.argsort(ranks, kind="stable")] = np.arange(len(ranks))
    return np.searchsorted(moved, places, side="right")
