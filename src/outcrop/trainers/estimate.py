"""What a training run will take, before it starts: from a formula, or from what a probe measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

from outcrop.domain.hyperparameters import Hyperparameters
from outcrop.models.cost import ModelSize
from outcrop.roof import Roof
from outcrop.trainers.batching import TOKEN_BUDGET

#: Share of the roof that training reaches before this machine has shown its own.
USUAL_SHARE = 0.45

#: How far off a formula's time may be, both ways, as a factor.
_GUESS = 2.0

#: How far off a probe's may be where its micro-batches agree, as a share: what a machine does next is never quite that.
_NOISE = 0.1

#: Numbers kept per token, layer and unit of width for the backward pass: LoRA, whole weights; measured by probes.
_ACTIVATIONS = (22, 18)

#: Bytes of resident memory that Python and its libraries take before there is a model.
_LIBRARIES = 500_000_000


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes:
        records: In the training data.
        tokens, loss_tokens, steps: Over the whole run.
        seconds: From the job's start to its end, where probed; of the arithmetic alone, where not.
        seconds_low, seconds_high: Between which it may lie.
        memory: Bytes at the peak.
        disk: Bytes of two checkpoints and the model.
        trained_weights: How many weights change.
        flop: Floating-point operations.
        roof_share: The part of the machine's best matrix product that training reaches.
        probed: Whether time and memory come from steps that were really made.
    """

    records: int
    tokens: int
    loss_tokens: int
    steps: int
    seconds: float
    seconds_low: float
    seconds_high: float
    memory: int
    disk: int
    trained_weights: int
    flop: float
    roof_share: float
    probed: bool = False


@dataclass(frozen=True)
class Volume:
    """How much there is to train on: one pass over the training data, and one over the validation data.

    ``usual_longest`` is a length that few records pass.
    """

    records: int
    tokens: int
    loss_tokens: int
    longest: int
    usual_longest: int
    validation_tokens: int = 0
    validation_loss_tokens: int = 0


@dataclass(frozen=True)
class Probed:
    """What a probe measured of a run.

    Attributes:
        seconds_per_flop: Of forward and backward pass, one for each micro-batch.
        optimizer_seconds: Of one step of the optimiser.
        validation_seconds_per_flop: Of a forward pass.
        load_seconds: From the process's start to the first step.
        checkpoint_seconds: Of writing one checkpoint.
        end_seconds: Of writing, hashing and keeping the model.
        memory: Bytes at the peak.
        checkpoint_bytes, model_bytes: On disk.
        context, validation_context: Length of the record that a token is in, averaged over tokens.
        processor_share: The part of its threads' time that the machine gave the probe; the rest went to others.
    """

    seconds_per_flop: tuple[float, ...]
    optimizer_seconds: float
    validation_seconds_per_flop: float
    load_seconds: float
    checkpoint_seconds: float
    end_seconds: float
    memory: int
    checkpoint_bytes: int
    model_bytes: int
    context: float
    validation_context: float
    processor_share: float


@dataclass(frozen=True)
class Run:
    """A run to be estimated; ``lora`` is False for full training."""

    size: ModelSize
    volume: Volume
    hyperparameters: Hyperparameters
    lora: bool
    roof: Roof

    @property
    def rank(self) -> int | None:
        """LoRA's, None for full training."""
        return self.hyperparameters.rank if self.lora else None

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one pass over the data."""
        return -(-self.volume.records // self.hyperparameters.batch_size)

    @property
    def validations(self) -> int:
        """Passes over the validation data: one before the first step, and those of ``trainers.loop.Plan``."""
        values = self.hyperparameters
        return 1 + values.epochs * min(values.validations, self.steps_per_epoch)

    def training_flop(self, context: float) -> float:
        """Of all epochs; ``context`` is the length of the record that a token is in."""
        volume = self.volume
        return self.hyperparameters.epochs * self.size.training_flop(
            volume.tokens, volume.loss_tokens, context, self.rank
        )

    def validation_flop(self, context: float) -> float:
        """Of all validations; ``context`` as above."""
        volume = self.volume
        return self.validations * self.size.forward_flop(
            volume.validation_tokens, volume.validation_loss_tokens, context
        )


def estimate(run: Run, share: float) -> Estimate:
    """The estimate by formula; ``share`` is the part of the roof that such runs reach on this machine."""
    volume, epochs = run.volume, run.hyperparameters.epochs
    context = volume.tokens / max(volume.records, 1)
    flop = run.training_flop(context) + run.validation_flop(context)
    trained = run.size.trained_weights(run.rank)
    seconds = flop / (run.roof.flops * share)
    return Estimate(
        records=volume.records,
        tokens=epochs * volume.tokens,
        loss_tokens=epochs * volume.loss_tokens,
        steps=epochs * run.steps_per_epoch,
        seconds=seconds,
        seconds_low=seconds / _GUESS,
        seconds_high=seconds * _GUESS,
        memory=_memory(run, trained),
        # Two checkpoints with AdamW's two averages, and the model itself.
        disk=2 * 12 * trained + 4 * trained,
        trained_weights=trained,
        flop=flop,
        roof_share=share,
    )


def estimate_probed(run: Run, probed: Probed, checkpoint_every: float) -> Estimate:
    """The estimate by what a probe measured.

    Args:
        run: Of the same model, data and shape as the probe's.
        probed: What it measured.
        checkpoint_every: Seconds between two checkpoints.
    """
    training, validation = run.training_flop(probed.context), run.validation_flop(probed.validation_context)
    ordered = sorted(probed.seconds_per_flop)
    usual = _median(ordered)
    found = estimate(run, share=1 / (usual * run.roof.flops))
    optimizer = found.steps * probed.optimizer_seconds

    def whole(rate: float) -> float:
        steps = training * rate + optimizer + validation * probed.validation_seconds_per_flop
        kept = steps // checkpoint_every if checkpoint_every else found.steps
        return probed.load_seconds + steps + kept * probed.checkpoint_seconds + probed.end_seconds

    return replace(
        found,
        seconds=whole(usual),
        seconds_low=whole(ordered[0]) * min(1 - _NOISE, probed.processor_share),
        # Others may go, and may take as much again.
        seconds_high=whole(ordered[-1]) * (1 + _NOISE + 1 - probed.processor_share),
        memory=probed.memory,
        disk=2 * probed.checkpoint_bytes + probed.model_bytes,
        flop=training + validation,
        probed=True,
    )


def _median(ordered: list[float]) -> float:
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _memory(run: Run, trained: int) -> int:
    """Libraries, float32 weights, gradients and averages, a micro-batch's activations, a chunk's logits."""
    size, volume, batch_size = run.size, run.volume, run.hyperparameters.batch_size
    tokens = min(max(TOKEN_BUDGET, volume.longest), volume.longest + (batch_size - 1) * volume.usual_longest)
    vocabulary = size.head // max(size.width, 1)
    weights = 4 * (size.body + size.head) + 12 * trained
    activations = 4 * tokens * size.layers * size.width * _ACTIVATIONS[0 if run.lora else 1]
    return _LIBRARIES + weights + activations + 2 * 4 * min(1024, tokens) * vocabulary
