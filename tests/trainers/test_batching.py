"""Batches hold every record once per epoch, and little padding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from outcrop.trainers.batching import epoch_order, packed_batches, padded_batches


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=200), st.integers(1, 16), st.integers(0, 99), st.integers(0, 3)
)
def test_each_record_once_per_epoch(lengths: list[int], batch_size: int, seed: int, epoch: int) -> None:
    sizes = np.array(lengths)
    order = epoch_order(sizes, batch_size, seed=seed, epoch=epoch)
    assert sorted(int(record) for batch in order for record in batch) == list(range(len(lengths)))
    assert all(len(batch) <= batch_size for batch in order)
    assert len(order) <= -(-len(lengths) // batch_size)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=50), st.integers(1, 2000))
def test_padded_parts_keep_to_the_budget(lengths: list[int], budget: int) -> None:
    sizes = np.array(lengths)
    parts = padded_batches(range(len(lengths)), sizes, budget)
    assert sorted(record for part in parts for record in part) == list(range(len(lengths)))
    for part in parts:
        assert len(part) == 1 or len(part) * max(lengths[record] for record in part) <= budget


@given(st.lists(st.integers(1, 400), min_size=1, max_size=50), st.integers(1, 2000), st.integers(1, 4))
def test_packed_parts_keep_to_the_budget_and_give_everybody_work(lengths: list[int], budget: int, shares: int) -> None:
    sizes = np.array(lengths)
    parts = packed_batches(range(len(lengths)), sizes, budget, shares=shares)
    assert sorted(record for part in parts for record in part) == list(range(len(lengths)))
    assert all(len(part) == 1 or sum(lengths[record] for record in part) <= budget for part in parts)
    assert len(parts) >= min(shares, len(lengths))


def test_packed_parts_are_about_equally_large() -> None:
    sizes = np.random.default_rng(0).lognormal(4.8, 0.4, 64).astype(np.int64)
    loads = [int(sizes[part].sum()) for part in packed_batches(range(64), sizes, 4096)]
    assert max(loads) <= 1.02 * min(loads)


def test_epochs_differ_and_seeds_repeat() -> None:
    sizes = np.arange(1, 65)
    first = np.concatenate(epoch_order(sizes, 4, seed=0, epoch=0)).tolist()
    assert first == np.concatenate(epoch_order(sizes, 4, seed=0, epoch=0)).tolist()
    assert first != np.concatenate(epoch_order(sizes, 4, seed=0, epoch=1)).tolist()
    assert first != np.concatenate(epoch_order(sizes, 4, seed=1, epoch=0)).tolist()


def test_padding_stays_low_on_lengths_like_real_ones() -> None:
    sizes = np.random.default_rng(0).lognormal(4.8, 0.4, 2000).astype(np.int64)
    parts = [part.tolist() for part in epoch_order(sizes, 8, seed=0, epoch=0)]
    computed = sum(len(part) * int(sizes[part].max()) for part in parts)
    assert 1 - int(sizes.sum()) / computed < 0.05
