from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from outcrop.engines.tree_attention import stretches
from outcrop.engines.trie import Part, Trie, common_beginning

rows_of_tokens = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=40), max_size=20)
few_starts = st.tuples(st.lists(st.integers(0, 1), min_size=30, max_size=40), rows_of_tokens).map(
    lambda drawn: [[*drawn[0], *row] for row in drawn[1]]
)
any_rows = rows_of_tokens | few_starts


def beginnings(rows: list[list[int]]) -> set[tuple[int, ...]]:
    return {tuple(row[:length]) for row in rows for length in range(1, len(row) + 1)}


def test_choices_of_one_context() -> None:
    trie = Trie([[7, 8, 9, 1, 2], [7, 8, 9, 1, 3], [7, 8, 9, 4], [7, 8, 9], [7, 8, 9, 4]])
    assert trie.rows == [(7, 8, 9, 1, 2), (7, 8, 9, 1, 3), (7, 8, 9, 4)], "what begins another row is in it"
    assert trie.shared.tolist() == [0, 4, 3]
    assert len(trie) == 7
    assert trie.path([7, 8, 9]).tolist() == [0, 1, 2]
    assert trie.path([7, 8, 9, 1, 3]).tolist() == [0, 1, 2, 3, 5]
    assert trie.parts(100) == [Part(0, 3, 0)]
    assert trie.tokens(Part(0, 3, 0)) == [7, 8, 9, 1, 2, 3, 4]
    assert trie.depths(Part(0, 3, 0)) == [0, 1, 2, 3, 4, 4, 3]


def test_a_long_beginning_of_too_many_rows_runs_once() -> None:
    trie = Trie([[*range(20), 30 + row, 60] for row in range(4)])
    assert trie.parts(24) == [Part(0, 1, 0, 20), Part(0, 4, 20)]
    assert trie.parts(5) == [Part(0, 1, 0, 20), Part(0, 2, 20), Part(2, 4, 20)]


def test_a_short_beginning_runs_again() -> None:
    trie = Trie([[1, 2, 30 + row, 60] for row in range(4)])
    assert trie.parts(6) == [Part(0, 2, 0), Part(2, 4, 0)]
    assert trie.nodes(Part(2, 4, 0)).tolist() == [-1, -1, 6, 7, 8, 9]


@given(any_rows)
def test_each_beginning_is_one_node(rows: list[list[int]]) -> None:
    trie = Trie(rows)
    named = {tuple(row[: place + 1]): node for row in rows for place, node in enumerate(trie.path(row).tolist())}
    assert len(trie) == len(named) == len(beginnings(rows))
    assert sorted(named.values()) == list(range(len(trie)))


@given(any_rows, st.integers(1, 200))
def test_parts_run_every_node_once_below_what_is_kept(rows: list[list[int]], budget: int) -> None:
    trie, run = Trie(rows), list[int]()
    kept: tuple[int, ...] = ()
    for part in trie.parts(budget):
        assert all(row[: part.above] == kept[: part.above] for row in trie.rows[part.begin : part.end])
        assert part.above <= len(kept)
        size = len(trie.tokens(part))
        assert size == len(trie.nodes(part)) == len(trie.depths(part)) > 0
        assert size <= budget or part.end - part.begin == 1
        kept = kept[: part.above] if part.stop is None else trie.rows[part.begin][: part.stop]
        run += [node for node in trie.nodes(part).tolist() if node >= 0]
    assert run == list(range(len(trie)))


@given(any_rows, st.integers(1, 200))
def test_a_token_sees_its_beginning_and_nothing_else(rows: list[list[int]], budget: int) -> None:
    trie = Trie(rows)
    for part in trie.parts(budget):
        kept = list(trie.rows[part.begin][: part.above])
        tokens, depths, nodes = trie.tokens(part), trie.depths(part), trie.nodes(part).tolist()
        keys, seen = kept + tokens, {}
        for one in stretches(trie, part, torch.device("cpu")):
            places = [place for first, last in one.keys for place in range(first, last)]
            mask = one.mask if one.mask is not None else torch.ones(len(places), len(places), dtype=torch.bool).tril()
            assert mask.shape == (one.end - one.start, len(places))
            for query, row in zip(range(one.start, one.end), mask.tolist(), strict=True):
                assert query not in seen
                seen[query] = [keys[place] for place, visible in zip(places, row, strict=True) if visible]
        assert sorted(seen) == list(range(len(tokens)))
        beginning = {node: row[: place + 1] for row in trie.rows for place, node in enumerate(trie.path(row).tolist())}
        for query, found in seen.items():
            assert len(found) == depths[query] + 1
            assert nodes[query] < 0 or tuple(found) == beginning[nodes[query]]


def test_what_two_rows_share() -> None:
    assert common_beginning([1, 2, 3], [1, 2, 4, 5]) == 2
    assert common_beginning([1], [1, 2]) == 1
    assert common_beginning([], [1]) == 0
