from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.data.partition import by_time, quotas, share_out

THREE = [Fraction("0.8"), Fraction("0.1"), Fraction("0.1")]
SHARES = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(
    lambda weights: [Fraction(weight, sum(weights)) for weight in weights]
)
COUNTS = st.lists(st.integers(1, 40), min_size=1, max_size=8)


def test_largest_remainder_by_hand() -> None:
    # 10.4, 1.3, 1.3: the thirteenth record goes to the part with the largest remainder.
    assert quotas([13], THREE).tolist() == [[11, 1, 1]]
    # 5.6, 0.7, 0.7: two are left, and both 0.7 come before 0.6.
    assert quotas([7], THREE).tolist() == [[5, 1, 1]]
    # In floating point 0.1 times 30 is above 3.
    assert quotas([30], THREE).tolist() == [[24, 3, 3]]


def test_strata_by_hand() -> None:
    # Each stratum wants 4, 0.5, 0.5; the one record left goes to validation and to test in turn.
    assert quotas([5, 5, 5, 5], THREE).tolist() == [[4, 1, 0], [4, 0, 1], [4, 1, 0], [4, 0, 1]]
    # Ten strata of one record: eight for training and one for each of the others, not ten for training.
    assert quotas([1] * 10, THREE).sum(axis=0).tolist() == [8, 1, 1]
    # 16, 2, 2 and 1.6, 0.2, 0.2: the largest stratum is served first, wherever it stands.
    assert quotas([2, 20], THREE).tolist() == [[2, 0, 0], [16, 2, 2]]


@given(COUNTS, SHARES)
@settings(deadline=None)
def test_quotas_are_within_one_record(counts: list[int], shares: list[Fraction]) -> None:
    found = quotas(counts, shares)
    assert found.sum(axis=1).tolist() == counts
    for count, row in zip(counts, found.tolist(), strict=True):
        assert all(abs(number - count * share) < 1 for number, share in zip(row, shares, strict=True))
    # What rounding owes does not add up from stratum to stratum.
    totals = found.sum(axis=0)
    assert all(abs(int(n) - sum(counts) * share) < len(shares) for n, share in zip(totals, shares, strict=True))


@st.composite
def bound(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units, strata and keys of a few records."""
    count = draw(st.integers(1, 60))
    units = draw(st.lists(st.integers(0, 20), min_size=count, max_size=count))
    strata = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    keys = np.array(draw(st.permutations(range(count))), dtype=np.uint64)
    return (np.unique(units, return_inverse=True)[1], np.unique(strata, return_inverse=True)[1], keys)


@given(bound(), SHARES)
@settings(deadline=None)
def test_a_unit_is_in_one_part(given_: tuple[np.ndarray, np.ndarray, np.ndarray], shares: list[Fraction]) -> None:
    units, strata, keys = given_
    part = share_out(units, strata, keys, shares)
    assert set(part.tolist()) <= set(range(len(shares)))
    assert all(len(set(part[units == unit].tolist())) == 1 for unit in set(units.tolist()))
    # Of one stratum, no part is too large by a whole unit.
    alike = share_out(units, np.zeros_like(strata), keys, shares)
    wanted = quotas([len(units)], shares)[0]
    assert all(n < wanted[p] + np.bincount(units).max() for p, n in Counter(alike.tolist()).items())


@given(bound(), SHARES, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_file_does_not_matter(
    given_: tuple[np.ndarray, ...], shares: list[Fraction], chance: object
) -> None:
    units, strata, keys = given_
    order = np.argsort(keys)
    straight = share_out(units, strata, keys, shares)
    # Units are numbered as they are met, strata are not.
    anew = share_out(np.unique(units[order], return_inverse=True)[1], strata[order], keys[order], shares)
    assert anew.tolist() == straight[order].tolist()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), SHARES)
@settings(deadline=None)
def test_records_alone_meet_every_quota(given_: list[int], shares: list[Fraction]) -> None:
    strata = np.unique(given_, return_inverse=True)[1]
    count = len(given_)
    part = share_out(np.arange(count), strata, np.arange(count, dtype=np.uint64), shares)
    reached = np.zeros((strata.max() + 1, len(shares)), dtype=int)
    np.add.at(reached, (strata, part), 1)
    assert reached.tolist() == quotas(np.bincount(strata).tolist(), shares).tolist()


def test_groups_by_hand() -> None:
    # Ten records, 8 and 2 wanted. The group of five fits into the first part alone; then the second lacks more.
    units = np.array([0] * 5 + [1] * 2 + [2] * 2 + [3])
    part = share_out(units, np.zeros(10, dtype=int), np.arange(10, dtype=np.uint64), [Fraction(4, 5), Fraction(1, 5)])
    assert part.tolist() == [0] * 5 + [1] * 2 + [0] * 2 + [0]
    # A group that fits nowhere goes where most of it fits.
    part = share_out(np.zeros(9, dtype=int), np.zeros(9, dtype=int), np.arange(9, dtype=np.uint64), THREE)
    assert part.tolist() == [0] * 9


def test_time_by_hand() -> None:
    half = [Fraction(1, 2), Fraction(1, 2)]
    assert by_time(np.array([3, 1, 2, 0]), half).tolist() == [1, 0, 1, 0]
    # The border would be inside of the twos; three are before it and one behind.
    assert by_time(np.array([0, 2, 2, 2, 2, 3, 4, 5]), half).tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert by_time(np.array([0, 1, 2, 3, 3, 3, 3, 4]), half).tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=50), SHARES)
@settings(deadline=None)
def test_time_goes_up_from_part_to_part(ranks: list[int], shares: list[Fraction]) -> None:
    part = by_time(np.array(ranks), shares)
    ordered = sorted(zip(ranks, part.tolist(), strict=True))
    assert all(one[1] <= other[1] and (one[1] == other[1] or one[0] < other[0]) for one, other in pairwise(ordered))
    if len(set(ranks)) == len(ranks):
        assert np.bincount(part, minlength=len(shares)).tolist() == quotas([len(ranks)], shares)[0].tolist()
