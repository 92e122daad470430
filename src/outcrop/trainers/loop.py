"""The one training loop: optimiser, schedule, clipping, validation, early stopping, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

import torch
from torch import Tensor, nn

from outcrop.domain.models import CurvePoint
from outcrop.models.network import Network
from outcrop.trainers.best import BestWeights
from outcrop.trainers.protocol import BatchT, Checkpoint, Loss, Step, StopMetric, Trainer, Watch
from outcrop.trainers.world import ALONE, World


@dataclass(frozen=True)
class Plan:
    """How the loop trains.

    Attributes:
        steps: Optimiser steps in all.
        steps_per_epoch: Of which one pass over the data takes this many.
        learning_rate: The highest; it rises linearly over ``warmup_steps``.
        warmup_steps: At most half of ``steps`` is used.
        schedule: How it goes on: ``linear`` or ``cosine`` (half a period; Loshchilov & Hutter 2017, arXiv 1608.03983)
            down to 0 at the end, or ``constant``.
        weight_decay: AdamW's decoupled decay (Loshchilov & Hutter 2019, arXiv 1711.05101), of matrices: scales and
            biases are left alone, as transformers' Trainer leaves them.
        l1: Times the sum of the trained weights' sizes is added to the mean loss (Tibshirani 1996); its subgradient at
            0 is 0. The losses that are shown leave it out.
        gradient_clip: Largest Euclidean norm of the gradient.
        validations: Times in an epoch that the validation loss is measured.
        patience: Validations in a row without improvement after which the training stops; 0 for never.
        threshold: What counts as improvement: more than this beyond the best so far.
        keep_best: Whether the weights of the best validation are the result, and not the last ones.
    """

    steps: int
    steps_per_epoch: int
    learning_rate: float
    warmup_steps: int = 0
    schedule: str = "linear"
    weight_decay: float = 0.0
    l1: float = 0.0
    gradient_clip: float = 1.0
    validations: int = 1
    patience: int = 0
    threshold: float = 0.0
    keep_best: bool = True

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        warmup = min(self.warmup_steps, self.steps // 2)
        if step < warmup:
            return self.learning_rate * (step + 1) / (warmup + 1)
        left = (self.steps - step) / (self.steps - warmup)
        return self.learning_rate * _SCHEDULES[self.schedule](left)

    def epoch(self, step: int) -> int:
        """The epoch that a step belongs to, counted from 0."""
        return step // self.steps_per_epoch

    def validates(self, step: int) -> bool:
        """Whether the validation loss is measured after that many steps."""
        done = step % self.steps_per_epoch
        if done == 0 or step == self.steps:
            return True
        return done * self.validations // self.steps_per_epoch > (done - 1) * self.validations // self.steps_per_epoch


#: The share of the highest learning rate, by the share of steps that are left.
_SCHEDULES: dict[str, Callable[[float], float]] = {
    "linear": lambda left: left,
    "cosine": lambda left: (1 - math.cos(math.pi * left)) / 2,
    "constant": lambda left: 1.0,
}


class TrainingDiverged(Exception):
    """The loss is no longer a finite number."""


class Loop(Generic[BatchT]):
    """Trains a network in place; its state is a ``Checkpoint`` between any two steps.

    Args:
        network: What is trained: those of its weights that require gradients.
        trainer: The method.
        plan: How.
        watch: Who hears of it; in a world of several processes only the leading one's does.
        stop_metric: What is watched in place of the validation loss.
        world: The processes that train together.
    """

    def __init__(
        self,
        network: Network,
        trainer: Trainer[BatchT],
        plan: Plan,
        watch: Watch,
        *,
        stop_metric: StopMetric | None = None,
        world: World = ALONE,
    ) -> None:
        self._network = network
        self._trainer = trainer
        self._plan = plan
        self._watch = watch
        self._world = world
        self._weights = {name: weight for name, weight in network.model.named_parameters() if weight.requires_grad}
        self._optimizer = torch.optim.AdamW(
            _decayed(self._weights.values(), plan.weight_decay), lr=plan.learning_rate, betas=(0.9, 0.999), fused=True
        )
        self._best = BestWeights(self._weights, stop_metric)
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
        self._best.restore(self._curve, self._step, checkpoint.tensors)
        _set_random_states(checkpoint.tensors, self._network.device)

    def run(self) -> Checkpoint:
        """Train to the end, or until the validations get no better; the last state, with the weights that are kept.

        Raises:
            TrainingDiverged: The loss or its gradient is not finite.
            LeaderEnded: In a process that does not lead: the leading one has ended.
        """
        self._network.model.train()
        if not self._curve:
            self._validate()
        steps = self._trainer.batches(self._network, self._step)
        while not self._best.ran_out(self._plan.patience, self._plan.threshold):
            batches = next(steps, None)
            if batches is None:
                break
            step = self._take_step(batches)
            self._step += 1
            self._curve.append(CurvePoint(self._step, step.epoch, training_loss=step.loss))
            if self._plan.validates(self._step):
                self._validate()
            self._world.lead(partial(self._tell, step))
        if self._plan.keep_best:
            self._totals["kept_step"] = float(self._best.put_back(self._step))
        return self.state()

    def state(self) -> Checkpoint:
        """The loop's state between two steps; the tensors are copies."""
        tensors = {f"weight.{name}": weight.detach().cpu().clone() for name, weight in self._weights.items()}
        for name, weight in self._weights.items():
            if kept := self._optimizer.state.get(weight):
                tensors[f"average.{name}"] = kept["exp_avg"].cpu().clone()
                tensors[f"square.{name}"] = kept["exp_avg_sq"].cpu().clone()
                tensors[f"steps.{name}"] = kept["step"].cpu().clone()
        tensors.update(self._best.tensors(self._step))
        tensors.update(_random_states(self._network.device))
        return Checkpoint(self._step, tensors, self._trainer.state_dict(), tuple(self._curve), dict(self._totals))

    def _tell(self, step: Step) -> None:
        self._watch.step(step)
        if self._watch.wants_checkpoint():
            self._watch.checkpoint(self.state())

    def _take_step(self, batches: list[BatchT]) -> Step:
        began = time.perf_counter()
        rate = self._plan.rate(self._step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss, weight, figures = self._accumulate(batches)
        norm = self._average_and_clip(weight)
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
        return self._of_all(total, weight, figures)

    def _of_all(self, total: float, weight: float, figures: dict[str, float]) -> tuple[float, float, dict[str, float]]:
        """Gradients and numbers of this process, added to those of the others."""
        if self._world.size == 1:
            return total, weight, figures
        # A process without a share has no figures of its own, and still must name the same ones.
        names = [*_FIGURES, *sorted(figures.keys() - set(_FIGURES))]
        self._world.add_tensors([_gradient(parameter) for parameter in self._weights.values()])
        total, weight, *values = self._world.add([total, weight, *(figures.get(name, 0.0) for name in names)])
        return total, weight, dict(zip(names, values, strict=True))

    @torch.no_grad()
    def _average_and_clip(self, weight: float) -> float:
        """Turn summed gradients into means over ``weight``, add that of the penalty, clip; the norm before clipping."""
        trained = [parameter for parameter in self._weights.values() if parameter.grad is not None]
        gradients = [parameter.grad for parameter in trained]
        if self._plan.l1:
            # Scaled by the weight, which everything is divided by next.
            signs = [parameter.sign() for parameter in trained]
            torch._foreach_add_(gradients, signs, alpha=self._plan.l1 * weight)
        norm = float(nn.utils.get_total_norm(gradients)) / weight
        factor = min(1.0, self._plan.gradient_clip / norm) if norm > 0 else 1.0
        torch._foreach_mul_(gradients, factor / weight)
        return norm

    def _validate(self) -> None:
        self._network.model.eval()
        with torch.no_grad():
            loss = self._trainer.validation_loss(self._network)
            metric = self._best.measure(self._network) if loss is not None else None
        self._network.model.train()
        if loss is None:
            return
        epoch = self._plan.epoch(max(self._step - 1, 0))
        point = CurvePoint(self._step, epoch, validation_loss=loss, validation_metric=metric)
        self._curve.append(point)
        # The last weights are there anyway; a copy of them would only take memory.
        self._best.see(point, copy=self._plan.keep_best and self._step < self._plan.steps)
        self._world.lead(lambda: self._watch.validated(point))


#: What losses usually tell, whichever process computed them.
_FIGURES = ("computed_tokens", "records", "tokens")


def _decayed(weights: Iterable[Tensor], decay: float) -> list[dict[str, Any]]:
    """Parameter groups: those that decay, and the rest."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for weight in weights:
        (matrices if weight.ndim > 1 else others).append(weight)
    groups = ({"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0})
    return [group for group in groups if group["params"]]


def _gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


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
