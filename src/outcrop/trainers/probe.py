"""A probe: a few real steps of a training run, so that its time and memory are measured and not guessed.

Meant for a process of its own, whose peak of memory is then the run's. Nothing is learnt, as the learning rate is 0.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from outcrop.domain.models import CurvePoint
from outcrop.models.cost import ModelSize
from outcrop.models.network import Network
from outcrop.trainers.batching import TOKEN_BUDGET, epoch_order, packed_batches, padded_batches
from outcrop.trainers.loop import Loop, Plan
from outcrop.trainers.protocol import Checkpoint, Loss, Step
from outcrop.trainers.supervised import SupervisedBatch, SupervisedTrainer, TokenizedRecords, collate

#: Tokens of the first micro-batch, which only sets everything up.
_WARM_UP = 128

#: Seconds after which no further micro-batch is begun, once the largest and one other were timed.
_ENOUGH = 20.0

#: Records of the validation data that its micro-batch is cut from.
_HELD_OUT = 256


@dataclass(frozen=True)
class ProbedTraining:
    """What a few steps took.

    Attributes:
        seconds_per_flop: Of forward and backward pass, by ``ModelSize.training_flop``: one for each micro-batch timed.
        optimizer_seconds: Of one step of the optimiser.
        validation_seconds_per_flop: Of a forward pass, by ``ModelSize.forward_flop``; 0 without validation.
        state: The loop's state at the end, as the job keeps it while it writes the model.
        processor_share: The part of its threads' time that the machine gave this process.
    """

    seconds_per_flop: tuple[float, ...]
    optimizer_seconds: float
    validation_seconds_per_flop: float
    state: Checkpoint
    processor_share: float


@dataclass(frozen=True)
class ProbeTask:
    """What is probed: the parts of a run, and by what its work is counted; ``rank`` is None for full training."""

    network: Network
    trainer: SupervisedTrainer
    plan: Plan
    records: TokenizedRecords
    validation: TokenizedRecords | None
    batch_size: int
    seed: int
    packed: bool
    size: ModelSize
    rank: int | None


def probe(task: ProbeTask, keep: Callable[[Checkpoint], None]) -> ProbedTraining:
    """Train for a few micro-batches: the largest that the run has, and typical ones.

    Args:
        task: The run.
        keep: Writes a checkpoint; called once, when everything that a run has in memory is there.

    Raises:
        TrainingDiverged: A loss is not finite.
    """
    chosen, watch = _Chosen(task), _Watch(keep)
    # One step an epoch: the validation follows each step and keeps a copy of the weights, as it may in the run.
    steps = 2 + len(chosen.numbers)
    plan = replace(task.plan, learning_rate=0.0, steps=steps, steps_per_epoch=1, patience=0)
    began, worked = time.perf_counter(), time.process_time()
    with _OptimizerClock() as clock:
        state = Loop(task.network, chosen, plan, watch).run()
    share = _processor_share(task.network.device, time.process_time() - worked, time.perf_counter() - began)
    times = zip(watch.seconds, clock.seconds, chosen.flop, strict=True)
    rates = [(whole - of_optimizer) / flop for whole, of_optimizer, flop in times]
    # What comes first also sets everything up.
    validation = median(chosen.validations[1:]) if chosen.validations else 0.0
    return ProbedTraining(tuple(rates[1:]), median(clock.seconds[1:]), validation, state, share)


def peak_memory(device: str) -> int:
    """Bytes that this process held at most: on a GPU what torch reserved there, else resident memory."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_reserved(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kibibytes on Linux, bytes on macOS.
    return peak if sys.platform == "darwin" else 1024 * peak


def mean_context(records: TokenizedRecords) -> float:
    """The length of the record that a token is in, averaged over tokens; what attention costs a token follows it."""
    lengths = records.lengths.astype(np.float64)
    return float((lengths**2).sum() / lengths.sum())


class _Chosen:
    """A trainer whose steps are single micro-batches of the run; see ``trainers.protocol.Trainer``.

    ``flop`` is what each took, ``validations`` the seconds per operation of each validation.
    """

    def __init__(self, task: ProbeTask) -> None:
        self._task = task
        self._device = task.network.device
        self._held_out: SupervisedBatch | None = None
        self.numbers = _micro_batches(task)
        if task.validation is not None:
            some = range(min(len(task.validation), _HELD_OUT))
            self._held_out = self._collate(task.validation, _cut(task, some, task.validation.lengths)[0])
        self.flop: list[float] = []
        self.validations: list[float] = []

    def batches(self, network: Network, step: int) -> Iterator[list[SupervisedBatch]]:
        """A short one, then the largest, then others until enough time has passed."""
        yield [self._collate(self._task.records, _shortened(self.numbers[0], self._task.records.lengths))]
        began = time.perf_counter()
        for place, numbers in enumerate(self.numbers):
            if place >= 2 and time.perf_counter() - began > _ENOUGH:
                return
            yield [self._collate(self._task.records, numbers)]

    def loss(self, network: Network, batch: SupervisedBatch) -> Loss:
        """The run's own."""
        size = self._task.size
        self.flop.append(size.training_flop(*_work(batch), self._task.rank))
        return self._task.trainer.loss(network, batch)

    def validation_loss(self, network: Network) -> float | None:
        """That of one micro-batch."""
        if self._held_out is None:
            return None
        began = time.perf_counter()
        loss = float(self._task.trainer.loss(network, self._held_out).sum)
        self.validations.append((time.perf_counter() - began) / self._task.size.forward_flop(*_work(self._held_out)))
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Nothing: no run goes on from here."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to go on from."""

    def _collate(self, records: TokenizedRecords, numbers: list[int]) -> SupervisedBatch:
        return collate(records, numbers, self._device, packed=self._task.packed)


class _Watch:
    """Notes how long each step took, and has a checkpoint taken after the largest; see ``trainers.protocol.Watch``."""

    def __init__(self, keep: Callable[[Checkpoint], None]) -> None:
        self.seconds: list[float] = []
        self.checkpoint = keep

    def step(self, step: Step) -> None:
        """Note the time."""
        self.seconds.append(step.seconds)

    def validated(self, point: CurvePoint) -> None:
        """Nothing."""

    def wants_checkpoint(self) -> bool:
        """After the second step, which is the largest."""
        return len(self.seconds) == 2


class _OptimizerClock:
    """Seconds of each step of an optimiser, while it is entered."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def __enter__(self) -> _OptimizerClock:
        self._hooks = [
            register_optimizer_step_pre_hook(self._begin),
            register_optimizer_step_post_hook(self._end),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _begin(self, *_: object) -> None:
        self._began = time.perf_counter()

    def _end(self, *_: object) -> None:
        self.seconds.append(time.perf_counter() - self._began)


def _processor_share(device: torch.device, worked: float, passed: float) -> float:
    """How much of the time that its threads could have worked a process did; on a GPU the processor matters little."""
    return 1.0 if device.type == "cuda" else min(1.0, worked / passed / torch.get_num_threads())


def _micro_batches(task: ProbeTask) -> list[list[int]]:
    """Records of the largest micro-batch of an epoch, then of those in the middle, at a quarter and at three quarters.

    How large a step's micro-batches are follows nearly from the step's tokens, so that only a few steps need be cut.
    """
    lengths = task.records.lengths
    steps = epoch_order(lengths, task.batch_size, seed=task.seed, epoch=0)
    totals = np.array([int(lengths[step].sum()) for step in steps])
    parts = totals / np.ceil(totals / TOKEN_BUDGET)
    order = np.argsort(np.maximum(parts, [int(lengths[step].max()) for step in steps]), kind="stable")
    places = [order[round(share * (len(order) - 1))] for share in (1.0, 0.5, 0.25, 0.75)]
    cut = [_cut(task, steps[place], lengths) for place in places]
    return [max(found, key=lambda part: int(lengths[part].sum())) for found in cut]


def _cut(task: ProbeTask, numbers: Sequence[int] | NDArray[np.int64], lengths: NDArray[np.int64]) -> list[list[int]]:
    cut = packed_batches if task.packed else padded_batches
    return cut(numbers, lengths, TOKEN_BUDGET)


def _shortened(numbers: list[int], lengths: NDArray[np.int64]) -> list[int]:
    """The shortest of some records, as many as have the tokens of a warm-up."""
    by_length = sorted(numbers, key=lambda number: int(lengths[number]))
    enough = np.searchsorted(np.cumsum(lengths[by_length]), _WARM_UP)
    return by_length[: int(enough) + 1]


def _work(batch: SupervisedBatch) -> tuple[float, float, float]:
    """Tokens, tokens with loss, and the length of the record that a token is in, averaged over tokens."""
    tokens = sum(batch.lengths)
    return tokens, len(batch.targets), sum(length**2 for length in batch.lengths) / tokens
