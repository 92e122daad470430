"""Training runs whose curves are to be diagnosed: small Llamas on real text, by the loop that jobs use.

Text is bytes, one token each, so that a model of 20,000 weights learns something in seconds. It comes with Python
(``pydoc_data``, its language reference), with Debian (``/usr/share/common-licenses``) and with this repository
(``examples/debian-synopsis``).
"""

from __future__ import annotations

import json
import pydoc_data.topics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LlamaConfig, LlamaForCausalLM

from outcrop.domain.hyperparameters import choose
from outcrop.domain.models import CurvePoint, Customization
from outcrop.models.network import Network
from outcrop.trainers.adapters import LoraNetwork
from outcrop.trainers.loop import Loop, Plan, TrainingDiverged
from outcrop.trainers.protocol import Checkpoint, Step
from outcrop.trainers.supervised import SupervisedTrainer

ROOT = Path(__file__).parents[1]
LICENCES = Path("/usr/share/common-licenses")
HELD_OUT = 64
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Setup:
    """All of a run but its learning rate.

    Attributes:
        corpus: ``python``, ``licences`` or ``synopses``.
        records: Of ``length`` bytes each.
        layers, width: Of the network.
        epochs, batch_size, weight_decay: The hyperparameters of that name.
        validations: In the whole run, after the first, which is before the first step.
        base: The corpus that the network has learnt before; random weights where empty.
        rank: Of LoRA; 0 trains all weights.
        seed: Of weights and order; the records are drawn by it too.
    """

    name: str
    corpus: str
    records: int
    epochs: int
    layers: int = 2
    width: int = 64
    batch_size: int = 8
    length: int = 64
    validations: int = 8
    weight_decay: float = 0.0
    rank: int = 0
    base: str = ""
    base_steps: int = 600
    seed: int = 0

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one pass."""
        return -(-self.records // self.batch_size)

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.steps_per_epoch * self.epochs

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """As a job's request holds them, but for the learning rate."""
        method = Customization.LORA if self.rank else Customization.FULL
        given: dict[str, Any] = {"epochs": self.epochs, "batch_size": self.batch_size, "seed": self.seed}
        given |= {"weight_decay": self.weight_decay}
        if self.rank:
            given |= {"rank": self.rank, "alpha": 2.0 * self.rank}
        return vars(choose(method, given)) | {}


class ByteRecords:
    """Pieces of a text as records; every byte but the first carries loss."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self.lengths: NDArray[np.int64] = np.array([len(piece) for piece in pieces], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._pieces)

    def __getitem__(self, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        ids = np.frombuffer(self._pieces[number], dtype=np.uint8).astype(np.int64)
        return ids, np.ones(len(ids), dtype=bool)


@cache
def text(corpus: str) -> bytes:
    """A corpus as one text."""
    if corpus == "python":
        return "\n\n".join(pydoc_data.topics.topics.values()).encode()
    if corpus == "licences":
        files = sorted(path for path in LICENCES.iterdir() if not path.is_symlink())
        return b"\n\n".join(path.read_bytes() for path in files)
    lines = (ROOT / "examples" / "debian-synopsis" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    rest = (ROOT / "examples" / "debian-synopsis" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return "\n\n".join(json.loads(line)["prompt"].partition("\n\n")[2] for line in (*lines, *rest)).encode()


def pieces(setup: Setup) -> tuple[ByteRecords, ByteRecords]:
    """Training and held-out records; the held-out ones do not depend on how many are trained on."""
    whole = text(setup.corpus)
    cut = [whole[start : start + setup.length] for start in range(0, len(whole) - setup.length, setup.length)]
    order = np.random.default_rng([setup.seed, 7]).permutation(len(cut))
    if len(cut) < setup.records + HELD_OUT:
        raise ValueError(f"{setup.name}: {setup.corpus} has {len(cut)} records of {setup.length} bytes")
    held_out, train = order[:HELD_OUT], order[HELD_OUT : HELD_OUT + setup.records]
    return ByteRecords([cut[number] for number in train]), ByteRecords([cut[number] for number in held_out])


def new_network(layers: int, width: int, seed: int) -> Network:
    """A random Llama over bytes."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=256,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 16),
        max_position_embeddings=256,
        tie_word_embeddings=False,
    )
    return Network(LlamaForCausalLM(config))


@cache
def base_weights(corpus: str, layers: int, width: int, steps: int, length: int) -> dict[str, torch.Tensor]:
    """Weights of a network that has learnt a corpus, for LoRA to start from."""
    setup = Setup("base", corpus, records=16 * steps, epochs=1, batch_size=16, length=length, seed=99)
    available = len(text(corpus)) // length - HELD_OUT - 1
    epochs = -(-setup.records // available)
    setup = replace(setup, records=min(setup.records, available), epochs=epochs, layers=layers, width=width)
    network = new_network(layers, width, 99)
    _run(network, setup, 3e-3)
    return {name: weight.detach().clone() for name, weight in network.model.state_dict().items()}


def train(setup: Setup, rate: float) -> list[CurvePoint]:
    """One run's curve; one that diverged ends where it did."""
    network = new_network(setup.layers, setup.width, setup.seed)
    if setup.base:
        network.model.load_state_dict(base_weights(setup.base, setup.layers, setup.width, setup.base_steps, 64))
    if setup.rank:
        values = choose(
            Customization.LORA,
            {"rank": setup.rank, "alpha": 2.0 * setup.rank, "seed": setup.seed, "learning_rate": rate},
        )
        LoraNetwork(network, values, "base")
    return _run(network, setup, rate)


def _run(network: Network, setup: Setup, rate: float) -> list[CurvePoint]:
    records, held_out = pieces(setup)
    trainer = SupervisedTrainer(
        records, held_out, epochs=setup.epochs, batch_size=setup.batch_size, seed=setup.seed, device=CPU
    )
    every = max(1, setup.steps // setup.validations)
    # The loop validates after each of its epochs; the curve's epochs are put right afterwards.
    plan = Plan(setup.steps, every, rate, warmup_steps=4, weight_decay=setup.weight_decay)
    watch = _Watch()
    loop = Loop(network, trainer, plan, watch)
    try:
        curve: Sequence[CurvePoint] = loop.run().curve
    except TrainingDiverged:
        curve = loop.state().curve
    return [replace(point, epoch=max(point.step - 1, 0) // setup.steps_per_epoch) for point in curve]


class _Watch:
    """Wants nothing."""

    def step(self, step: Step) -> None:
        """Nothing to tell."""

    def validated(self, point: CurvePoint) -> None:
        """Nothing to tell."""

    def wants_checkpoint(self) -> bool:
        """Never."""
        return False

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Never called."""
