"""What a training method is, and what the loop tells those who watch it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from torch import Tensor

from outcrop.domain.models import CurvePoint
from outcrop.models.network import Network

BatchT = TypeVar("BatchT")


@dataclass(frozen=True)
class Loss:
    """The loss of a micro-batch, not yet averaged.

    ``sum`` is a scalar tensor that carries gradients; ``weight`` is what it is to be divided by (tokens with loss), so
    that gradients accumulate exactly over unequal micro-batches; ``figures`` are added up over the step.
    """

    sum: Tensor
    weight: float
    figures: dict[str, float] = field(default_factory=dict)


class Trainer(Protocol[BatchT]):
    """A training method.

    Promises: ``batches`` called after ``load_state_dict`` goes on where ``state_dict`` was taken, with the same
    batches; all that is random comes from torch's own generators, which the loop keeps, or from the trainer's state.
    The loop asks for a step's batches only when the step before it is finished and any checkpoint is taken, so a method
    may generate its batches with the model as it is then.
    """

    def batches(self, network: Network, step: int) -> Iterator[list[BatchT]]:
        """The micro-batches of each optimiser step, from the given step on, until the training ends."""
        ...

    def loss(self, network: Network, batch: BatchT) -> Loss:
        """The loss of a micro-batch."""
        ...

    def validation_loss(self, network: Network) -> float | None:
        """Mean loss on held-out records, in nats per token; None where there are none."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON from which ``load_state_dict`` goes on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        ...


@dataclass(frozen=True)
class StopMetric:
    """A figure of the model as it is, by which the best weights are chosen and the training may stop early."""

    name: str
    higher_is_better: bool
    measure: Callable[[Network], float]


@dataclass(frozen=True)
class Step:
    """What one optimiser step did: ``loss`` is a mean per unit of weight, ``seconds`` its wall time.

    ``totals`` are sums over the run: ``weight``, ``seconds``, and the losses' figures.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    weight: float
    seconds: float
    learning_rate: float
    gradient_norm: float
    totals: dict[str, float]


class Watch(Protocol):
    """Who watches the loop: says when to keep a checkpoint, and takes it."""

    def step(self, step: Step) -> None:
        """A step is done. May raise, to end the training where it is."""
        ...

    def validated(self, point: CurvePoint) -> None:
        """A validation loss was measured."""
        ...

    def wants_checkpoint(self) -> bool:
        """Whether one should be taken now."""
        ...

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint. May raise, to end the training once it is kept."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """All that the loop needs to go on as if nothing had happened.

    Attributes:
        step: Optimiser steps done.
        tensors: Trained weights (``weight.NAME``), AdamW's averages (``average.NAME``, ``square.NAME``) and
            steps (``steps.NAME``), torch's generator states (``random.cpu``, ``random.cuda``), and the weights of the
            best validation so far (``best.NAME``) where these are others.
        trainer: The trainer's own state.
        curve: The curve so far.
        totals: Sums over the run: weight, seconds, and the steps' figures.
    """

    step: int
    tensors: dict[str, Tensor]
    trainer: dict[str, Any]
    curve: tuple[CurvePoint, ...]
    totals: dict[str, float]
