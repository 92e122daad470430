"""Some records of many: the same for the same content and seed."""

from __future__ import annotations

import hashlib

import pytest

from outcrop.data.reading import JsonObject
from outcrop.data.sampling import sample

ROWS: list[JsonObject] = [{"prompt": f"Question {number}?", "category": "é"} for number in range(40)]


def test_the_rows_with_the_lowest_hashes_are_drawn() -> None:
    """By hand: SHA-256 of the seed, a line end, and the record without spaces, its fields in order."""
    hashes = {
        hashlib.sha256(f'5\n{{"category":"é","prompt":"Question {number}?"}}'.encode()).hexdigest(): number
        for number in range(40)
    }
    wanted = sorted(hashes[key] for key in sorted(hashes)[:7])
    assert sample(ROWS, 7, seed=5) == [ROWS[number] for number in wanted]


@pytest.mark.parametrize("limit", [0, 1, 39, 40])
def test_as_many_as_wanted_in_their_order(limit: int) -> None:
    drawn = sample(ROWS, limit)
    assert len(drawn) == limit
    assert drawn == [row for row in ROWS if row in drawn]


def test_all_where_there_are_no_more() -> None:
    assert sample(ROWS, 1000) == ROWS
    assert sample([], 3) == []


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert sample(ROWS[::-1], 10)[::-1] == sample(ROWS, 10)


def test_a_larger_limit_keeps_what_a_smaller_one_drew() -> None:
    larger = sample(ROWS, 20)
    assert all(row in larger for row in sample(ROWS, 10))


def test_another_seed_draws_other_rows() -> None:
    assert sample(ROWS, 10, seed=1) != sample(ROWS, 10, seed=2)


def test_equal_rows_are_drawn_one_by_one() -> None:
    assert sample([ROWS[0]] * 5, 3) == [ROWS[0]] * 3
