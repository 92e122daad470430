"""The probe's steps are the run's: which micro-batches it makes, what it counts, and that it learns nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from outcrop.domain.hyperparameters import choose
from outcrop.domain.models import Customization
from outcrop.models.cost import ModelSize, model_size
from outcrop.models.network import Network, load_network
from outcrop.trainers import probe as probing
from outcrop.trainers.adapters import LoraNetwork
from outcrop.trainers.loop import Plan
from outcrop.trainers.packing import pack
from outcrop.trainers.probe import ProbeTask, mean_context, probe
from outcrop.trainers.protocol import Checkpoint, Loss
from outcrop.trainers.supervised import SupervisedBatch, SupervisedTrainer
from tests.trainers.tokenized import Records

CPU = torch.device("cpu")


@dataclass
class Listening(SupervisedTrainer):
    """Notes the records' lengths of every micro-batch that is trained on."""

    seen: list[tuple[int, ...]] = field(default_factory=list)

    def __init__(self, records: Records, validation: Records | None) -> None:
        super().__init__(records, validation, epochs=1, batch_size=2, seed=0, device=CPU, packed=True)
        self.seen = []

    def loss(self, network: Network, batch: SupervisedBatch) -> Loss:
        if torch.is_grad_enabled():
            self.seen.append(batch.lengths)
        return super().loss(network, batch)


def records(lengths: list[int]) -> Records:
    return Records([(np.arange(length) % 250, np.arange(length) % 2 == 1) for length in lengths])


def task(folder: Path, rows: Records, validation: Records | None = None, *, rank: int | None = 2) -> ProbeTask:
    network = load_network(folder)
    if rank is not None:
        LoraNetwork(network, choose(Customization.LORA, {"rank": rank}), "base")
    packed = pack(network, 100)
    plan = Plan(steps=5, steps_per_epoch=5, learning_rate=1.0)
    size = model_size(folder)
    return ProbeTask(network, Listening(rows, validation), plan, rows, validation, 2, 0, packed, size, rank)


def weights(network: Network) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in network.model.named_parameters()}


@pytest.mark.parametrize("rank", [2, None], ids=["lora", "full"])
def test_nothing_is_learnt_and_the_state_is_a_run_s(tiny_folder: Path, rank: int | None) -> None:
    rows = records([4, 6, 8, 10, 40, 50, 12, 14])
    work = task(tiny_folder, rows, records([9, 5]), rank=rank)
    before = weights(work.network)
    kept: list[Checkpoint] = []
    found = probe(work, kept.append)
    after = weights(work.network)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert len(kept) == 1
    kinds = {name.partition(".")[0] for name in kept[0].tensors}
    # All that a checkpoint may hold: AdamW's averages, and the weights of a validation before.
    assert kinds == {"weight", "average", "square", "steps", "best", "random"}
    assert found.state.step == 5
    assert found.validation_seconds_per_flop > 0
    assert found.optimizer_seconds > 0


def test_the_largest_micro_batch_comes_second(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "TOKEN_BUDGET", 60)
    rows = records([4, 6, 8, 10, 20, 22, 28, 31, 70, 5])
    work = task(tiny_folder, rows)
    found = probe(work, lambda _: None)
    assert isinstance(work.trainer, Listening)
    seen = work.trainer.seen
    # The longest record is over the budget and stands alone; its warm-up is itself, as there is none shorter with it.
    assert seen[:2] == [(70,), (70,)]
    assert len(found.seconds_per_flop) == len(seen) - 1 == 4
    assert all(len(lengths) <= 2 and sum(lengths) <= 70 for lengths in seen)
    assert found.validation_seconds_per_flop == 0


def test_time_is_per_operation_of_the_micro_batch(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = records([8, 8, 8, 8])
    work = task(tiny_folder, rows)
    slow = probe(work, lambda _: None)
    counted: list[float] = []
    real = ModelSize.training_flop

    def twice(self: ModelSize, tokens: float, head_tokens: float, context: float, rank: int | None) -> float:
        counted.append(context)
        return 1e6 * real(self, tokens, head_tokens, context, rank)

    monkeypatch.setattr(ModelSize, "training_flop", twice)
    fast = probe(task(tiny_folder, rows), lambda _: None)
    assert max(fast.seconds_per_flop) < min(slow.seconds_per_flop) / 1e3
    # Every record has 8 tokens, so every token is in a record of 8.
    assert set(counted) == {8.0}


def test_enough_is_enough(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_ENOUGH", 0.0)
    found = probe(task(tiny_folder, records([4, 6, 8, 10, 12, 14])), lambda _: None)
    # The largest, and one that is typical.
    assert len(found.seconds_per_flop) == 2


def test_the_record_that_a_token_is_in() -> None:
    # Of 40 tokens, 10 are in a record of 10 and 30 in one of 30.
    assert mean_context(records([10, 30])) == (10 * 10 + 30 * 30) / 40
