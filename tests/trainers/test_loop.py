"""The loop's own promises: schedules, penalties, when it validates, when it stops, which weights it leaves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from outcrop.models.network import Network, load_network
from outcrop.testing.trainers import Keeper, assert_same
from outcrop.trainers.loop import Loop, Plan
from outcrop.trainers.protocol import Checkpoint, StopMetric
from outcrop.trainers.supervised import SupervisedTrainer, hold_out
from tests.trainers.test_supervised import PAIRS
from tests.trainers.tokenized import Records, conversations

CPU = torch.device("cpu")


@pytest.fixture
def records(tiny_folder: Path) -> Records:
    return conversations(tiny_folder, PAIRS)


def loop(folder: Path, records: Records, plan: Plan, watch: Keeper, **others: Any) -> Loop[Any]:
    trainer = SupervisedTrainer(records, records, epochs=plan.steps, batch_size=8, seed=0, device=CPU)
    return Loop(load_network(folder), trainer, plan, watch, **others)


class Scores:
    """A stop metric that says what it is told, one figure a validation."""

    def __init__(self, *figures: float, higher_is_better: bool = True) -> None:
        self._figures = list(figures)
        self.metric = StopMetric("told", higher_is_better, self._next)

    def _next(self, _: Network) -> float:
        return self._figures.pop(0)


def trained(loop: Loop[Any]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in loop.state().tensors.items() if name.startswith("weight.")}


def test_a_linear_rate_rises_and_falls_in_lines() -> None:
    plan = Plan(10, 5, 1.0, warmup_steps=4)
    rates = [plan.rate(step) for step in range(10)]
    assert rates == pytest.approx([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


def test_a_cosine_rate_is_half_a_period() -> None:
    plan = Plan(4, 4, 2.0, schedule="cosine")
    assert [plan.rate(step) for step in range(4)] == pytest.approx(
        [1 + math.cos(math.pi * step / 4) for step in range(4)]
    )


def test_a_constant_rate_stays() -> None:
    plan = Plan(6, 3, 0.5, warmup_steps=1, schedule="constant")
    assert [plan.rate(step) for step in range(6)] == [0.25, *[0.5] * 5]


@pytest.mark.parametrize(
    ("validations", "want"), [(1, [7, 14]), (2, [4, 7, 11, 14]), (7, list(range(1, 15))), (99, list(range(1, 15)))]
)
def test_validations_are_spread_over_an_epoch(validations: int, want: list[int]) -> None:
    plan = Plan(14, 7, 1.0, validations=validations)
    assert [step for step in range(1, 15) if plan.validates(step)] == want


def test_the_l1_penalty_adds_the_signs_of_the_weights(tiny_folder: Path, records: Records, tmp_path: Path) -> None:
    """One step of each: the gradients differ by the penalty times the signs, before clipping."""
    gradients = []
    for l1 in (0.0, 0.25):
        made = loop(tiny_folder, records, Plan(1, 1, 1e-9, l1=l1, gradient_clip=1e6), Keeper(tmp_path / str(l1)))
        before = {name: weight.detach().clone() for name, weight in made._weights.items()}
        made.run()
        gradients.append({name: weight.grad for name, weight in made._weights.items()})
    for name, plain in gradients[0].items():
        wanted = plain + 0.25 * before[name].sign()
        assert torch.allclose(gradients[1][name], wanted, rtol=1e-4, atol=1e-5), name


def test_decay_shrinks_matrices_and_leaves_scales_alone(tiny_folder: Path, records: Records, tmp_path: Path) -> None:
    made = loop(tiny_folder, records, Plan(1, 1, 1e-3, weight_decay=0.5), Keeper(tmp_path))
    groups = made._optimizer.param_groups
    assert [{weight.ndim for weight in group["params"]} for group in groups] == [{2}, {1}]
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]


def test_it_stops_after_so_many_validations_without_improvement(
    tiny_folder: Path, records: Records, tmp_path: Path
) -> None:
    """The figure before training does not count; 0.305 is no improvement over 0.3 where 0.01 is wanted."""
    scores = Scores(0.9, 0.1, 0.3, 0.305, 0.2, 0.8)
    plan = Plan(20, 2, 1e-3, validations=2, patience=2, threshold=0.01)
    watch = Keeper(tmp_path)
    final = loop(tiny_folder, records, plan, watch, stop_metric=scores.metric).run()
    assert final.step == 4
    assert [point.validation_metric for point in watch.points] == [0.9, 0.1, 0.3, 0.305, 0.2]


@pytest.mark.parametrize(
    ("higher", "figures", "kept"),
    [(True, (0, 0.1, 0.5, 0.2), 2), (False, (0, 0.5, 0.1, 0.2), 2), (True, (9, 1, 1, 1), 1)],
)
def test_the_best_weights_are_the_result(
    tiny_folder: Path, records: Records, tmp_path: Path, higher: bool, figures: tuple[float, ...], kept: int
) -> None:
    plan = Plan(3, 1, 1e-3)
    watch = Keeper(tmp_path, at=frozenset({1, 2, 3}))
    made = loop(tiny_folder, records, plan, watch, stop_metric=Scores(*figures, higher_is_better=higher).metric)
    final = made.run()
    assert final.totals["kept_step"] == kept
    wanted = watch.read(kept).tensors
    for name, tensor in trained(made).items():
        assert torch.equal(tensor, wanted[name]), name


def test_the_last_weights_are_the_result_where_they_are_wanted(
    tiny_folder: Path, records: Records, tmp_path: Path
) -> None:
    watch = Keeper(tmp_path, at=frozenset({3}))
    made = loop(tiny_folder, records, Plan(3, 1, 1e-3, keep_best=False), watch, stop_metric=Scores(0, 3, 2, 1).metric)
    assert "kept_step" not in made.run().totals
    for name, tensor in trained(made).items():
        assert torch.equal(tensor, watch.read(3).tensors[name]), name


@pytest.mark.parametrize("kill_at", [2, 3, 4])
def test_early_stopping_and_the_best_weights_outlive_a_kill(
    tiny_folder: Path, records: Records, tmp_path: Path, kill_at: int
) -> None:
    """Pain 12. The best is at step 1 or 2, and the run ends at 4, whether or not it is killed on the way."""
    plan, figures = Plan(20, 1, 1e-3, patience=3, threshold=0.0), (0, 0.7, 0.6, 0.5, 0.4, 0.3)

    def run(watch: Keeper, start: Checkpoint | None = None) -> Checkpoint:
        seen = 0 if start is None else start.step + 1
        made = loop(tiny_folder, records, plan, watch, stop_metric=Scores(*figures[seen:]).metric)
        if start is not None:
            made.restore(start)
        return made.run()

    undisturbed = run(Keeper(tmp_path / "calm"))
    assert undisturbed.step == 4
    killed = Keeper(tmp_path / "killed", at=frozenset({kill_at - 1}), kill_at=kill_at)
    with pytest.raises(Keeper.Killed):
        run(killed)
    assert_same(run(Keeper(tmp_path / "again"), killed.read(kill_at - 1)), undisturbed)


def test_a_share_of_the_records_is_held_out_once(records: Records) -> None:
    train, held_out = hold_out(records, 25, seed=0)
    assert (len(train), len(held_out)) == (6, 2)
    everything = sorted(tuple(part[place][0]) for part in (train, held_out) for place in range(len(part)))
    assert everything == sorted(tuple(records[place][0]) for place in range(8))
    assert [len(part[place][0]) for part in (train,) for place in range(6)] == train.lengths.tolist()
    again, _ = hold_out(records, 25, seed=0)
    assert again.lengths.tolist() == train.lengths.tolist()


@pytest.mark.parametrize("percentage", [0.001, 49.9])
def test_neither_part_is_empty(records: Records, percentage: float) -> None:
    assert all(len(part) for part in hold_out(records, percentage, seed=1))


def test_half_precision_learns_too(tiny_folder: Path, records: Records, tmp_path: Path) -> None:
    """Weights stay float32, products are bfloat16: the loss falls much as it does in float32."""
    losses = []
    for compute in (torch.float32, torch.bfloat16):
        trainer = SupervisedTrainer(records, records, epochs=8, batch_size=4, seed=0, device=CPU, compute=compute)
        watch = Keeper(tmp_path)
        network = load_network(tiny_folder)
        Loop(network, trainer, Plan(16, 2, 3e-3), watch).run()
        assert all(weight.dtype is torch.float32 for weight in network.model.parameters())
        losses.append([step.loss for step in watch.steps])
    assert losses[1][-1] < 0.7 * losses[1][0]
    assert losses[1] == pytest.approx(losses[0], rel=0.2)
