from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig
from transformers.cache_utils import DynamicLayer

from outcrop.engines.cache import RoomyLayer, new_cache, order_without


def test_it_holds_what_the_peer_holds() -> None:
    generator = torch.Generator().manual_seed(0)
    ours, peer, rows = RoomyLayer(), DynamicLayer(), 6
    for step, tokens in enumerate([5] + [1] * 200):
        keys, values = torch.randn(2, rows, 2, tokens, 3, generator=generator)
        got, want = ours.update(keys, values), peer.update(keys, values)
        assert torch.equal(got[0], want[0])
        assert torch.equal(got[1], want[1])
        if step in (3, 50, 130, 131):
            order = torch.tensor(order_without({step % rows}, rows))
            rows -= 1
            ours.batch_select_indices(order)
            peer.batch_select_indices(order)
            assert torch.equal(ours.keys, peer.keys)
            assert torch.equal(ours.values, peer.values)
        assert ours.get_seq_length() == peer.get_seq_length()


@pytest.mark.parametrize(
    ("ended", "rows", "order"),
    [(set(), 3, [0, 1, 2]), ({1}, 4, [0, 3, 2]), ({3}, 4, [0, 1, 2]), ({0, 3}, 4, [2, 1]), ({0, 1}, 2, [])],
)
def test_gaps_are_filled_from_the_end(ended: set[int], rows: int, order: list[int]) -> None:
    assert order_without(ended, rows) == order


def test_only_layers_that_hold_everything_are_replaced() -> None:
    full = new_cache(LlamaConfig(num_hidden_layers=3))
    assert [type(layer) for layer in full.layers] == [RoomyLayer] * 3
