"""Batches hold every record once per epoch, and little padding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from outcrop.trainers.batching import epoch_order, micro_batches, padding_share


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
def test_parts_keep_to_the_budget(lengths: list[int], budget: int) -> None:
    sizes = np.array(lengths)
    parts = micro_batches(range(len(lengths)), sizes, budget)
    assert sorted(record for part in parts for record in part) == list(range(len(lengths)))
    for part in parts:
        assert len(part) == 1 or len(part) * max(lengths[record] for record in part) <= budget


def test_epochs_differ_and_seeds_repeat() -> None:
    sizes = np.arange(1, 65)
    first = np.concatenate(epoch_order(sizes, 4, seed=0, epoch=0)).tolist()
    assert first == np.concatenate(epoch_order(sizes, 4, seed=0, epoch=0)).tolist()
    assert first != np.concatenate(epoch_order(sizes, 4, seed=0, epoch=1)).tolist()
    assert first != np.concatenate(epoch_order(sizes, 4, seed=1, epoch=0)).tolist()


def test_padding_stays_low_on_lengths_like_real_ones() -> None:
    sizes = np.random.default_rng(0).lognormal(4.8, 0.4, 2000).astype(np.int64)
    parts = [part.tolist() for part in epoch_order(sizes, 8, seed=0, epoch=0)]
    assert padding_share(parts, sizes) < 0.05
