"""What a training run will take, before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.domain.hyperparameters import Hyperparameters
from outcrop.models.cost import ModelSize
from outcrop.roof import Roof
from outcrop.trainers.batching import TOKEN_BUDGET

#: Share of the roof that training reaches before this machine has shown its own.
USUAL_SHARE = 0.45

#: Numbers kept per token, layer and unit of width for the backward pass; measured on Llama-like networks.
_ACTIVATIONS = 34


@dataclass(frozen=True)
class Estimate:
    """What a run will take: times in seconds, sizes in bytes; ``trained_weights`` are those that change."""

    records: int
    tokens: int
    loss_tokens: int
    steps: int
    seconds: float
    memory: int
    disk: int
    trained_weights: int
    flop: float


@dataclass(frozen=True)
class Volume:
    """How much there is to train on: one pass over the training data, and one over the validation data."""

    records: int
    tokens: int
    loss_tokens: int
    longest: int
    validation_tokens: int = 0
    validation_loss_tokens: int = 0


def estimate(
    size: ModelSize, volume: Volume, hyperparameters: Hyperparameters, *, lora: bool, roof: Roof, share: float
) -> Estimate:
    """The estimate for a run; ``share`` is the part of the roof that such runs reach on this machine."""
    rank = hyperparameters.rank if lora else None
    epochs = hyperparameters.epochs
    context = volume.tokens / max(volume.records, 1)
    flop = epochs * size.training_flop(volume.tokens, volume.loss_tokens, context, rank)
    passes = epochs + 1
    flop += passes * size.forward_flop(volume.validation_tokens, volume.validation_loss_tokens, context)
    trained = size.trained_weights(rank)
    return Estimate(
        records=volume.records,
        tokens=epochs * volume.tokens,
        loss_tokens=epochs * volume.loss_tokens,
        steps=epochs * -(-volume.records // hyperparameters.batch_size),
        seconds=flop / (roof.flops * share),
        memory=_memory(size, volume, trained, hyperparameters.batch_size),
        # Two checkpoints with AdamW's two averages, and the model itself.
        disk=2 * 12 * trained + 4 * trained,
        trained_weights=trained,
        flop=flop,
    )


def _memory(size: ModelSize, volume: Volume, trained: int, batch_size: int) -> int:
    """Float32 weights, gradients and averages, and one micro-batch's activations and logits."""
    tokens = min(max(TOKEN_BUDGET, volume.longest), batch_size * volume.longest)
    loss_tokens = min(1024, tokens)
    vocabulary = size.head // max(size.width, 1)
    weights = 4 * (size.body + size.head) + 12 * trained
    return weights + 4 * tokens * size.layers * size.width * _ACTIVATIONS + 3 * 4 * loss_tokens * vocabulary
