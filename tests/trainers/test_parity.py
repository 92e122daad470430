"""Step by step the same losses and gradient norms as TRL's SFTTrainer, from tests/fixtures/training/make_trl.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from outcrop.domain.hyperparameters import choose
from outcrop.domain.models import Customization
from outcrop.models.network import Network, load_network
from outcrop.models.weights import weights_hash
from outcrop.testing.trainers import Keeper
from outcrop.trainers.adapters import LoraNetwork
from outcrop.trainers.batching import epoch_order
from outcrop.trainers.loop import Loop, Plan
from outcrop.trainers.supervised import SupervisedTrainer
from tests.trainers.seeded_weights import fill_lora, fill_weights
from tests.trainers.tokenized import Records

FIXTURES = Path(__file__).parents[1] / "fixtures" / "training"
METHODS = ("lora", "full")

#: Both compute in float32 but add in another order, and AdamW carries the difference from step to step.
LOSS_TOLERANCE, NORM_TOLERANCE = 1e-4, 1e-3


def loaded(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def records(fixture: Any) -> Records:
    rows = [(np.array(tokens), np.arange(len(tokens)) >= prompt) for prompt, tokens in fixture["records"]]
    settings, lengths = fixture["settings"], np.array([len(tokens) for tokens, _ in rows])
    order = epoch_order(lengths, settings["batch_size"], seed=settings["seed"], epoch=0)
    assert [step.tolist() for step in order] == fixture["order"], "run tests/fixtures/training/make_trl.py again"
    return Records(rows)


def adapted(network: Network, rank: int, alpha: float) -> None:
    """Put LoRA matrices into a network, drawn as the fixture's were."""
    LoraNetwork(network, choose(Customization.LORA, {"rank": rank, "alpha": alpha}), "base")
    fill_lora((name, weight) for name, weight in network.model.named_parameters() if weight.requires_grad)


def trained(network: Network, fixture: Any, method: str, folder: Path) -> Keeper:
    """Train as TRL did; who watched it."""
    run, settings = fixture["runs"][method], fixture["settings"]
    if method == "lora":
        adapted(network, settings["rank"], settings["alpha"])
    batch_size, steps = settings["batch_size"], len(fixture["order"])
    device = torch.device("cpu")
    trainer = SupervisedTrainer(
        records(fixture), None, epochs=1, batch_size=batch_size, seed=settings["seed"], device=device
    )
    plan = Plan(
        steps,
        steps,
        run["learning_rate"],
        weight_decay=run["weight_decay"],
        gradient_clip=settings["gradient_clip"],
    )
    watch = Keeper(folder)
    Loop(network, trainer, plan, watch).run()
    return watch


def same_as_trl(watch: Keeper, run: Any) -> None:
    assert [step.loss for step in watch.steps] == pytest.approx(run["loss"], rel=LOSS_TOLERANCE)
    assert [step.gradient_norm for step in watch.steps] == pytest.approx(run["gradient_norm"], rel=NORM_TOLERANCE)


@pytest.mark.parametrize("method", METHODS)
def test_twenty_steps_of_a_tiny_network_are_trls(method: str, tiny_folder: Path, tmp_path: Path) -> None:
    fixture = loaded("trl_tiny.json")
    network = load_network(tiny_folder)
    fill_weights(network.model.named_parameters())
    same_as_trl(trained(network, fixture, method, tmp_path), fixture["runs"][method])


@pytest.mark.parametrize("method", METHODS)
def test_the_fixture_clips_and_learns(method: str) -> None:
    """A run whose gradients were never clipped, or whose loss stood still, would prove little."""
    for name in ("trl_tiny.json", "trl_real.json"):
        run = loaded(name)["runs"][method]
        assert max(run["gradient_norm"]) > loaded(name)["settings"]["gradient_clip"]
        assert np.mean(run["loss"][-5:]) < 0.9 * run["loss"][0]


@pytest.mark.real
@pytest.mark.parametrize("method", METHODS)
def test_twenty_steps_of_the_real_model_are_trls(method: str, real_model_folder: Path, tmp_path: Path) -> None:
    fixture = loaded("trl_real.json")
    assert weights_hash(real_model_folder) == fixture["weights"]
    same_as_trl(trained(load_network(real_model_folder), fixture, method, tmp_path), fixture["runs"][method])
