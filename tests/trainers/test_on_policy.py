"""A method that generates its own batches fits the loop, also when the process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from outcrop.models.network import Network, load_network
from outcrop.testing.trainers import Keeper, ToyPolicyTrainer, TrainerContract, assert_same
from outcrop.trainers.checkpoint import read_checkpoint
from outcrop.trainers.loop import Loop, Plan
from outcrop.trainers.protocol import Trainer

STEPS = 30
EVEN = 100.0


def even_tokens(tokens: list[int]) -> float:
    """The scripted reward: the share of even ids."""
    return sum(token % 2 == 0 for token in tokens) / len(tokens)


def make(folder: Path, steps: int) -> tuple[Network, ToyPolicyTrainer]:
    torch.manual_seed(0)
    return load_network(folder), ToyPolicyTrainer([1, 5, 9], even_tokens, steps=steps)


@pytest.fixture
def folder(tiny_folder: Path) -> Path:
    return tiny_folder


class TestToyPolicy(TrainerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> tuple[Network, Trainer[Any]]:
        return make(self.folder, self.steps)


def test_the_reward_grows(folder: Path, tmp_path: Path) -> None:
    network, trainer = make(folder, 60)
    Loop(network, trainer, Plan(60, 60, 3e-3), Keeper(tmp_path)).run()
    assert trainer.baseline > 0.7


def test_kill_9_and_resume_is_undisturbed(folder: Path, tmp_path: Path) -> None:
    network, trainer = make(folder, STEPS)
    undisturbed = Loop(network, trainer, Plan(STEPS, STEPS, 1e-3), Keeper(tmp_path / "undisturbed")).run()
    command = [sys.executable, "-m", "tests.trainers.test_on_policy", str(folder), str(tmp_path / "killed")]
    child = subprocess.Popen(command, cwd=Path(__file__).parents[2], env={**os.environ, "SLOW": "1"})
    while not list((tmp_path / "killed").glob("[0-9]*/state.json")):
        assert child.poll() is None
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    network, trainer = make(folder, STEPS)
    loop = Loop(network, trainer, Plan(STEPS, STEPS, 1e-3), Keeper(tmp_path / "resumed"))
    steps = sorted(int(path.parent.name) for path in (tmp_path / "killed").glob("[0-9]*/state.json"))
    assert steps[0] < STEPS
    # The newest may be half-written: the manifest that says so is the store's, and this test has none.
    loop.restore(read_checkpoint(tmp_path / "killed" / str(steps[0])))
    assert_same(loop.run(), undisturbed)


def _train(folder: Path, kept: Path) -> None:
    network, trainer = make(folder, STEPS)
    Loop(network, trainer, Plan(STEPS, STEPS, 1e-3), Keeper(kept, at=frozenset(range(4, STEPS)))).run()


if __name__ == "__main__":
    _train(Path(sys.argv[1]), Path(sys.argv[2]))
