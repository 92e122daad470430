"""The promises of ``Trainer`` as tests, and a toy method that generates its own batches.

Subclass ``TrainerContract`` and say how a network and its trainer are made.
"""

# The name of a test says what is promised.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from outcrop.domain.models import CurvePoint
from outcrop.models.network import Network
from outcrop.trainers.checkpoint import read_checkpoint, write_checkpoint
from outcrop.trainers.loop import Loop, Plan
from outcrop.trainers.protocol import Checkpoint, Loss, Step, Trainer


class Keeper:
    """Watches a loop: keeps a checkpoint after some steps, as files, and may end the training there."""

    class Killed(Exception):
        """The training was ended where it was."""

    def __init__(self, folder: Path, at: frozenset[int] = frozenset(), kill_at: int | None = None) -> None:
        self.steps: list[Step] = []
        self.points: list[CurvePoint] = []
        self._folder = folder
        self._at = at
        self._kill_at = kill_at

    def step(self, step: Step) -> None:
        """Keep the step; die if it is the one."""
        self.steps.append(step)
        if step.step == self._kill_at:
            raise self.Killed

    def validated(self, point: CurvePoint) -> None:
        """Keep the point."""
        self.points.append(point)

    def wants_checkpoint(self) -> bool:
        """Whether this is one of the steps."""
        return self.steps[-1].step in self._at

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write it as files."""
        folder = self._folder / str(checkpoint.step)
        folder.mkdir(parents=True)
        write_checkpoint(checkpoint, folder)

    def read(self, step: int) -> Checkpoint:
        """The checkpoint of a step, from its files."""
        return read_checkpoint(self._folder / str(step))


class TrainerContract:
    """What every training method promises; ``steps`` should be at least four."""

    steps = 6
    steps_per_epoch = 3

    def make(self) -> tuple[Network, Trainer[Any]]:
        """A new network and trainer; each call gives the same."""
        raise NotImplementedError

    def loop(self, watch: Keeper) -> Loop[Any]:
        network, trainer = self.make()
        return Loop(network, trainer, Plan(self.steps, self.steps_per_epoch, 1e-2, warmup_steps=2), watch)

    @pytest.fixture
    def undisturbed(self, tmp_path: Path) -> Checkpoint:
        return self.loop(Keeper(tmp_path / "undisturbed")).run()

    def test_same_seed_same_weights(self, tmp_path: Path, undisturbed: Checkpoint) -> None:
        assert_same(self.loop(Keeper(tmp_path / "again")).run(), undisturbed)

    def test_training_changes_the_weights(self, undisturbed: Checkpoint, tmp_path: Path) -> None:
        before = self.loop(Keeper(tmp_path / "new")).state()
        names = [name for name in before.tensors if name.startswith("weight.")]
        assert any(not torch.equal(before.tensors[name], undisturbed.tensors[name]) for name in names)

    @pytest.mark.parametrize("kill_at", range(2, 6))
    def test_killed_and_resumed_is_undisturbed(self, tmp_path: Path, undisturbed: Checkpoint, kill_at: int) -> None:
        first = Keeper(tmp_path / "killed", at=frozenset({kill_at - 1}), kill_at=kill_at)
        with pytest.raises(Keeper.Killed):
            self.loop(first).run()
        torch.manual_seed(999)
        second = self.loop(Keeper(tmp_path / "resumed"))
        second.restore(first.read(kill_at - 1))
        assert_same(second.run(), undisturbed)

    def test_checkpoints_change_nothing(self, tmp_path: Path, undisturbed: Checkpoint) -> None:
        often = Keeper(tmp_path / "often", at=frozenset(range(1, 100)))
        assert_same(self.loop(often).run(), undisturbed)


def assert_same(one: Checkpoint, two: Checkpoint) -> None:
    """Bit for bit the same weights, averages and generator states, and the same curve."""
    assert one.step == two.step
    assert one.curve == two.curve
    assert one.trainer == two.trainer
    assert one.tensors.keys() == two.tensors.keys()
    different = [name for name, tensor in one.tensors.items() if not torch.equal(tensor, two.tensors[name])]
    assert different == []


@dataclass(frozen=True)
class Rollout:
    """What the toy policy wrote: ids, ``(rows, prompt + written)``; each row's advantage, ``(rows,)``."""

    tokens: Tensor
    prompt_length: int
    advantages: Tensor


class ToyPolicyTrainer:
    """REINFORCE with a running baseline (Williams 1992): the model writes, a reward function judges, praise teaches.

    The batches depend on the model as it is, and the baseline is state of the trainer's own: a method that a resumed
    run gets wrong unless the loop's seam is right.
    """

    def __init__(
        self, prompt: list[int], reward: Callable[[list[int]], float], *, steps: int, rows: int = 4, length: int = 6
    ) -> None:
        self._prompt = prompt
        self._reward = reward
        self._steps = steps
        self._rows = rows
        self._length = length
        self.baseline = 0.0

    def batches(self, network: Network, step: int) -> Iterator[list[Rollout]]:
        """See ``Trainer.batches``: each is sampled from the network when it is asked for."""
        for _ in range(step, self._steps):
            yield [self._rollout(network)]

    def loss(self, network: Network, batch: Rollout) -> Loss:
        """See ``Trainer.loss``: minus the log-probability of what was written, weighted by its advantage."""
        logits = _logits(network, batch.tokens[:, :-1])[:, batch.prompt_length - 1 :]
        written = batch.tokens[:, batch.prompt_length :]
        logprobs = logits.log_softmax(-1).gather(-1, written[..., None])[..., 0]
        return Loss(-(logprobs.sum(-1) * batch.advantages).sum(), float(written.numel()))

    def validation_loss(self, network: Network) -> float | None:
        """See ``Trainer.validation_loss``: there is none."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """See ``Trainer.state_dict``."""
        return {"baseline": self.baseline}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``Trainer.load_state_dict``."""
        self.baseline = state["baseline"]

    @torch.no_grad()
    def _rollout(self, network: Network) -> Rollout:
        tokens = torch.tensor([self._prompt] * self._rows)
        for _ in range(self._length):
            probabilities = _logits(network, tokens)[:, -1].softmax(-1)
            tokens = torch.cat([tokens, torch.multinomial(probabilities, 1)], dim=1)
        rewards = torch.tensor([self._reward(row[len(self._prompt) :]) for row in tokens.tolist()])
        advantages = rewards - self.baseline
        self.baseline = 0.9 * self.baseline + 0.1 * float(rewards.mean())
        return Rollout(tokens, len(self._prompt), advantages)


def _logits(network: Network, tokens: Tensor) -> Tensor:
    positions = torch.arange(tokens.shape[1]).expand_as(tokens)
    hidden = network.hidden(tokens, None, positions)
    return network.head(hidden.flatten(0, 1)).view(*tokens.shape, -1)
