"""One process of a few that train together; started by torchrun: FOLDER OUT PACKED."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from outcrop.models.network import load_network
from outcrop.testing.trainers import Keeper
from outcrop.trainers.loop import Loop, Plan
from outcrop.trainers.packing import pack
from outcrop.trainers.supervised import SupervisedTrainer
from outcrop.trainers.world import World, world_from_environment
from tests.trainers.test_supervised import PAIRS
from tests.trainers.tokenized import conversations

STEPS = 4


def train(folder: Path, out: Path, world: World, *, packed: bool) -> dict[str, object]:
    """Train the tiny model for a few steps; what can be compared."""
    torch.manual_seed(0)
    records, network = conversations(folder, PAIRS[:7]), load_network(folder)
    if packed:
        assert pack(network, 512)
    trainer = SupervisedTrainer(
        records, records, epochs=2, batch_size=4, seed=0, device=torch.device("cpu"), packed=packed, world=world
    )
    watch = Keeper(out)
    final = Loop(network, trainer, Plan(STEPS, 2, 1e-3, l1=1e-3), watch, world=world).run()
    return {
        "losses": [point.training_loss for point in final.curve if point.training_loss is not None],
        "validation": [point.validation_loss for point in final.curve if point.validation_loss is not None],
        "norms": [step.gradient_norm for step in watch.steps],
        "tokens": final.totals["tokens"],
        "weights": {name: weight.double().sum().item() for name, weight in network.model.named_parameters()},
    }


if __name__ == "__main__":
    world = world_from_environment()
    found = train(Path(sys.argv[1]), Path(sys.argv[2]), world, packed=sys.argv[3] == "packed")
    (Path(sys.argv[2]) / f"{world.rank}.json").write_text(json.dumps(found))
