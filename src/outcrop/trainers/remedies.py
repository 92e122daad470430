"""What to try after each verdict on a training run, in our hyperparameters' names and with their next values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Fit(StrEnum):
    """What a training curve shows."""

    GOOD = "good fit"
    UNDERFITTING = "underfitting"
    OVERFITTING = "overfitting"
    RATE_TOO_HIGH = "learning rate too high"
    RATE_TOO_LOW = "learning rate too low"
    NOT_CONVERGED = "not converged"
    UNKNOWN = "too little to tell"


def remedies(fit: Fit, hyperparameters: Mapping[str, Any], *, rate_factor: float = 1.0, epochs: int = 0) -> list[str]:
    """Sentences on what to try, the likeliest first; only hyperparameters that the mapping has are named.

    Args:
        fit: The verdict.
        hyperparameters: Those of the run, by name.
        rate_factor: By which the learning rate is to be multiplied, where it is wrong.
        epochs: Passes until the lowest validation loss, where more were too many.
    """
    values = dict(hyperparameters)
    match fit:
        case Fit.GOOD:
            return ["Leave the hyperparameters; more records of the same kind are what may still help."]
        case Fit.UNDERFITTING:
            return _underfitting(values)
        case Fit.OVERFITTING:
            return _overfitting(values, epochs)
        case Fit.RATE_TOO_HIGH:
            return _rate_too_high(values, rate_factor)
        case Fit.RATE_TOO_LOW:
            return _rate_too_low(values, rate_factor)
        case Fit.NOT_CONVERGED:
            return _not_converged(values)
        case Fit.UNKNOWN:
            return []


def _underfitting(values: dict[str, Any]) -> list[str]:
    found: list[str] = []
    if rank := values.get("rank"):
        found.append(f"More to learn with: {_higher_rank(values, rank)}.")
        if values.get("targets", "all-linear") != "all-linear":
            found.append("LoRA on all layers: targets all-linear.")
        found.append("All weights: method full, with a learning_rate of 5e-05 to begin with.")
    else:
        found.append("A larger base model: all weights of this one are trained already.")
    if regularised := [name for name in ("dropout", "weight_decay", "l1") if values.get(name)]:
        found.append(f"Less regularisation: {', '.join(f'{name} 0' for name in regularised)}.")
    found.append("More features: put into the prompt what the completion depends on and the prompt does not say.")
    if "max_length" in values:
        found.append(f"More context, where records are cut: max_length {min(2 * values['max_length'], 1 << 20)}.")
    return found


def _higher_rank(values: dict[str, Any], rank: int) -> str:
    higher = min(4 * rank, 512)
    alpha = values.get("alpha")
    # Updates are multiplied by alpha / rank, which should not change with the rank.
    return f"rank {higher}" + (f" with alpha {alpha * higher / rank:g}" if alpha else "")


def _overfitting(values: dict[str, Any], epochs: int) -> list[str]:
    found = []
    if 0 < epochs < values.get("epochs", 1):
        found.append(f"Fewer passes: epochs {epochs}.")
    if not values.get("early_stopping_patience", 1):
        found.append("Stop where validation no longer improves: early_stopping_patience 3.")
    found.append("More data: records that the model has not seen are the best remedy.")
    steps = {"dropout": 0.1, "weight_decay": 0.1, "l1": 1e-6}
    found += [
        f"Regularisation: {name} {_next(values[name], first)}." for name, first in steps.items() if name in values
    ]
    if rank := values.get("rank"):
        lower = max(rank // 4, 1)
        if lower < rank:
            found.append(f"Less to learn with: rank {lower} with alpha {values.get('alpha', rank) * lower / rank:g}.")
    else:
        found.append("Less to learn with: method lora.")
    found.append("Fewer features: leave out of the prompt what can't matter, such as ids and dates.")
    return found


def _next(value: float, first: float) -> str:
    return f"{min(2 * value, 0.5) if value else first:g}"


def _rate_too_high(values: dict[str, Any], factor: float) -> list[str]:
    found = [_rate(values, factor)]
    if "warmup_steps" in values:
        found.append(f"A longer warm-up: warmup_steps {max(2 * values['warmup_steps'], 10)}.")
    if "batch_size" in values:
        found.append(f"Steadier gradients: batch_size {min(2 * values['batch_size'], 1024)}.")
    if values.get("gradient_clip", 0) > 0.5:
        found.append(f"A tighter bound on them: gradient_clip {values['gradient_clip'] / 2:g}.")
    return found


def _rate_too_low(values: dict[str, Any], factor: float) -> list[str]:
    found = [_rate(values, factor)]
    if "epochs" in values:
        found.append(f"Or, slower, more passes: epochs {min(4 * values['epochs'], 100)}.")
    return found


def _not_converged(values: dict[str, Any]) -> list[str]:
    found = [f"More passes: epochs {min(2 * values['epochs'], 100)}."] if "epochs" in values else []
    return [*found, f"Or larger steps: {_rate(values, 2.0)[:1].lower()}{_rate(values, 2.0)[1:]}"]


def _rate(values: dict[str, Any], factor: float) -> str:
    direction = "lower" if factor < 1 else "higher"
    rate = values.get("learning_rate")
    if not rate:
        return f"A {direction} learning_rate: about {factor:g} times this one."
    return f"A {direction} learning_rate: {min(rate * factor, 1.0):.2g}."
