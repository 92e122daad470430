from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outcrop.engines.planning import Limits, cut, length_fault


def test_longest_first_and_the_budget_counts_the_padding() -> None:
    # 4 rows of 10 cost 40; the fifth would make 50. Then the longest is 3 and 40 // 3 = 13 rows fit.
    assert cut([10, 3, 10, 10, 3, 10], Limits(rows=32, tokens=40)) == [[0, 2, 3, 5], [1, 4]]


def test_the_row_cap_holds() -> None:
    assert cut([1, 1, 1], Limits(rows=2, tokens=100)) == [[0, 1], [2]]


def test_a_row_over_the_budget_runs_alone() -> None:
    assert cut([50, 50, 1], Limits(rows=8, tokens=40)) == [[0], [1], [2]]


@given(st.lists(st.integers(0, 500), max_size=60), st.integers(1, 9), st.integers(1, 2000))
def test_every_batch_keeps_the_limits(costs: list[int], rows: int, tokens: int) -> None:
    batches = cut(costs, Limits(rows, tokens))
    assert sorted(place for batch in batches for place in batch) == list(range(len(costs)))
    for batch in batches:
        longest = max(costs[place] for place in batch)
        assert len(batch) <= rows
        assert len(batch) == 1 or len(batch) * longest <= tokens
        assert costs[batch[0]] == longest


def test_a_length_fault_says_what_would_fit() -> None:
    assert length_fault("prompt 7", 4, 1, 4) is None
    assert str(length_fault("prompt 7", 5, 1, 4)) == (
        "prompt 7: found 5 tokens; expected at most 4, which is what the model's context leaves"
    )
    assert "at least 1" in str(length_fault("prompt 7", 0, 1, 4))
