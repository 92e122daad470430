"""How a step's records are cut and padded changes neither its loss nor its gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from outcrop.models.network import load_network
from outcrop.testing.trainers import Keeper
from outcrop.trainers import supervised
from outcrop.trainers.loop import Loop, Plan
from outcrop.trainers.protocol import Checkpoint
from outcrop.trainers.supervised import SupervisedTrainer
from tests.trainers.tokenized import Records

LENGTH = 24
#: Tokens with loss of eight records: a mean of means would weigh a token by the company it keeps.
WITH_LOSS = (1, 2, 3, 5, 8, 13, 21, 23)
EXACT = 1e-6


def record(length: int, with_loss: int, seed: int) -> tuple[Any, Any]:
    tokens = np.random.default_rng(seed).integers(3, 200, length)
    return tokens, np.arange(length) >= length - with_loss


def one_step(folder: Path, kept: Path, rows: list[tuple[Any, Any]]) -> tuple[Keeper, Checkpoint, int]:
    """A step over all rows: who watched it, the state after it, and in how many micro-batches it was done."""
    trainer = SupervisedTrainer(Records(rows), None, epochs=1, batch_size=len(rows), seed=0, device=torch.device("cpu"))
    network, watch = load_network(folder), Keeper(kept)
    parts = len(next(trainer.batches(network, 0)))
    return watch, Loop(network, trainer, Plan(1, 1, 1e-3), watch).run(), parts


def gradients(state: Checkpoint) -> NDArray[np.float32]:
    """The first step's gradient after clipping: AdamW's first average is a tenth of it."""
    averages = [tensor.flatten() for name, tensor in state.tensors.items() if name.startswith("average.")]
    return 10 * torch.cat(averages).numpy()


def test_once_eight_twice_four_and_eight_times_one(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [record(LENGTH, with_loss, seed) for seed, with_loss in enumerate(WITH_LOSS)]
    found = []
    for size in (8, 4, 1):
        monkeypatch.setattr(supervised, "TOKEN_BUDGET", size * LENGTH)
        watch, state, parts = one_step(tiny_folder, tmp_path, rows)
        assert parts == 8 // size
        found.append((watch.steps[0], gradients(state)))
    (whole, gradient), *cut = found
    for step, other in cut:
        assert step.weight == whole.weight == sum(WITH_LOSS)
        assert step.loss == pytest.approx(whole.loss, rel=EXACT)
        assert step.gradient_norm == pytest.approx(whole.gradient_norm, rel=EXACT)
        assert np.abs(other - gradient).max() < EXACT


def test_a_micro_batch_without_loss_adds_nothing(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [record(LENGTH, 4, seed) for seed in range(2)]
    monkeypatch.setattr(supervised, "TOKEN_BUDGET", LENGTH)
    watch, state, _ = one_step(tiny_folder, tmp_path, rows)
    more, with_silent, parts = one_step(tiny_folder, tmp_path, [*rows, record(LENGTH, 0, 2)])
    assert parts == 3
    assert more.steps[0].loss == pytest.approx(watch.steps[0].loss, rel=EXACT)
    assert np.isfinite(gradients(with_silent)).all()
    assert np.abs(gradients(with_silent) - gradients(state)).max() < EXACT


def test_a_long_batch_mate_changes_no_loss(tiny_folder: Path) -> None:
    rows = [record(9, 4, 0), record(60, 30, 1), record(23, 23, 2)]
    network = load_network(tiny_folder)

    def summed(some: list[tuple[Any, Any]]) -> float:
        trainer = SupervisedTrainer(
            Records(some), None, epochs=1, batch_size=len(some), seed=0, device=torch.device("cpu")
        )
        (batch,) = next(trainer.batches(network, 0))
        return float(trainer.loss(network, batch).sum.detach())

    assert summed(rows) == pytest.approx(sum(summed([row]) for row in rows), rel=EXACT)
