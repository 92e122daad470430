"""The one training loop: optimiser, schedule, clipping, validation, checkpoints."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor, nn

from outcrop.domain.models import CurvePoint
from outcrop.models.network import Network
from outcrop.trainers.protocol import BatchT, Checkpoint, Loss, Step, Trainer, Watch


@dataclass(frozen=True)
class Plan:
    """How the loop trains.

    Attributes:
        steps: Optimiser steps in all.
        steps_per_epoch: Of which one pass over the data takes this many.
        learning_rate: The highest; it rises linearly over ``warmup_steps`` and falls linearly to 0 at the end.
        warmup_steps: At most half of ``steps`` is used.
        weight_decay: AdamW's decoupled decay (Loshchilov & Hutter 2019, arXiv 1711.05101).
        gradient_clip: Largest Euclidean norm of the gradient.
    """

    steps: int
    steps_per_epoch: int
    learning_rate: float
    warmup_steps: int = 0
    weight_decay: float = 0.0
    gradient_clip: float = 1.0

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        warmup = min(self.warmup_steps, self.steps // 2)
        if step < warmup:
            return self.learning_rate * (step + 1) / (warmup + 1)
        return self.learning_rate * (self.steps - step) / (self.steps - warmup)

    def epoch(self, step: int) -> int:
        """The epoch that a step belongs to, counted from 0."""
        return step // self.steps_per_epoch


class TrainingDiverged(Exception):
    """The loss is no longer a finite number."""


class Loop(Generic[BatchT]):
    """Trains a network in place; its state is a ``Checkpoint`` between any two steps."""

    def __init__(self, network: Network, trainer: Trainer[BatchT], plan: Plan, watch: Watch) -> None:
        self._network = network
        self._trainer = trainer
        self._plan = plan
        self._watch = watch
        self._weights = {name: weight for name, weight in network.model.named_parameters() if weight.requires_grad}
        self._optimizer = torch.optim.AdamW(
            self._weights.values(),
            lr=plan.learning_rate,
            betas=(0.9, 0.999),
            weight_decay=plan.weight_decay,
            fused=True,
        )
        self._step = 0
        self._curve: list[CurvePoint] = []
        self._totals: dict[str, float] = {"weight": 0.0, "seconds": 0.0}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of a loop with the same arguments."""
        self._step = checkpoint.step
        self._curve = list(checkpoint.curve)
        self._totals = dict(checkpoint.totals)
        self._trainer.load_state_dict(checkpoint.trainer)
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(checkpoint.tensors[f"weight.{name}"])
                if f"average.{name}" in checkpoint.tensors:
                    self._optimizer.state[weight] = _moments(checkpoint, name, weight)
        _set_random_states(checkpoint.tensors, self._network.device)

    def run(self) -> Checkpoint:
        """Train to the end; the last state.

        Raises:
            TrainingDiverged: The loss or its gradient is not finite.
        """
        self._network.model.train()
        if not self._curve:
            self._validate()
        for batches in self._trainer.batches(self._network, self._step):
            step = self._take_step(batches)
            self._step += 1
            self._curve.append(CurvePoint(self._step, step.epoch, training_loss=step.loss))
            if self._step % self._plan.steps_per_epoch == 0 or self._step == self._plan.steps:
                self._validate()
            self._watch.step(step)
            if self._watch.wants_checkpoint():
                self._watch.checkpoint(self.state())
        return self.state()

    def state(self) -> Checkpoint:
        """The loop's state between two steps; the tensors are copies."""
        tensors = {f"weight.{name}": weight.detach().cpu().clone() for name, weight in self._weights.items()}
        for name, weight in self._weights.items():
            if kept := self._optimizer.state.get(weight):
                tensors[f"average.{name}"] = kept["exp_avg"].cpu().clone()
                tensors[f"square.{name}"] = kept["exp_avg_sq"].cpu().clone()
                tensors[f"steps.{name}"] = kept["step"].cpu().clone()
        tensors.update(_random_states(self._network.device))
        return Checkpoint(self._step, tensors, self._trainer.state_dict(), tuple(self._curve), dict(self._totals))

    def _take_step(self, batches: list[BatchT]) -> Step:
        began = time.perf_counter()
        rate = self._plan.rate(self._step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss, weight, figures = self._accumulate(batches)
        norm = self._clip(weight)
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrainingDiverged(f"the loss at step {self._step + 1} is {loss / weight:.3g}, its gradient {norm:.3g}")
        self._optimizer.step()
        seconds = time.perf_counter() - began
        for name, value in {**figures, "weight": weight, "seconds": seconds}.items():
            self._totals[name] = self._totals.get(name, 0.0) + value
        epoch = self._plan.epoch(self._step)
        return Step(
            self._step + 1, self._plan.steps, epoch, loss / weight, weight, seconds, rate, norm, dict(self._totals)
        )

    def _accumulate(self, batches: list[BatchT]) -> tuple[float, float, dict[str, float]]:
        """Gradients of the summed loss; sum, weight and figures over the micro-batches."""
        self._optimizer.zero_grad(set_to_none=False)
        total, weight = 0.0, 0.0
        figures: dict[str, float] = {}
        for batch in batches:
            loss: Loss = self._trainer.loss(self._network, batch)
            loss.sum.backward()  # type: ignore[no-untyped-call]
            total += float(loss.sum.detach())
            weight += loss.weight
            for name, value in loss.figures.items():
                figures[name] = figures.get(name, 0.0) + value
        return total, weight, figures

    @torch.no_grad()
    def _clip(self, weight: float) -> float:
        """Turn summed gradients into means over ``weight``, then clip; the norm before clipping."""
        gradients = [parameter.grad for parameter in self._weights.values() if parameter.grad is not None]
        norm = float(nn.utils.get_total_norm(gradients)) / weight
        factor = min(1.0, self._plan.gradient_clip / norm) if norm > 0 else 1.0
        torch._foreach_mul_(gradients, factor / weight)
        return norm

    def _validate(self) -> None:
        self._network.model.eval()
        with torch.no_grad():
            loss = self._trainer.validation_loss(self._network)
        self._network.model.train()
        if loss is not None:
            point = CurvePoint(self._step, self._plan.epoch(max(self._step - 1, 0)), validation_loss=loss)
            self._curve.append(point)
            self._watch.validated(point)


def _moments(checkpoint: Checkpoint, name: str, weight: Tensor) -> dict[str, Tensor]:
    return {
        "step": checkpoint.tensors[f"steps.{name}"].to(weight.device),
        "exp_avg": checkpoint.tensors[f"average.{name}"].to(weight.device),
        "exp_avg_sq": checkpoint.tensors[f"square.{name}"].to(weight.device),
    }


def _random_states(device: torch.device) -> dict[str, Tensor]:
    """The states of the generators that the training draws from: the processor's, and the device's if it has one."""
    states = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["random.cuda"] = torch.cuda.get_rng_state(device)
    return states


def _set_random_states(tensors: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(tensors["random.cpu"])
    if device.type == "cuda" and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"], device)
