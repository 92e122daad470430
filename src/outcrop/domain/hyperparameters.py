"""Hyperparameters of a customization job: one table for Python, the CLI and the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.models import Customization


@dataclass(frozen=True)
class Hyperparameter:
    """One row of the table.

    Attributes:
        name: In Python; the CLI's option is the same with dashes.
        wire: In Bedrock's API.
        kind: ``int`` or ``float``.
        low, high: The range, both ends included.
        lora, full: The default for each method.
        help: What it does.
    """

    name: str
    wire: str
    kind: type
    low: float
    high: float
    lora: float
    full: float
    help: str


HYPERPARAMETERS = (
    Hyperparameter("epochs", "epochCount", int, 1, 100, 1, 1, "Passes over the training data."),
    Hyperparameter("batch_size", "batchSize", int, 1, 1024, 8, 8, "Records per optimiser step."),
    Hyperparameter("learning_rate", "learningRate", float, 1e-8, 1, 1e-3, 5e-5, "Highest step size of AdamW."),
    Hyperparameter(
        "warmup_steps",
        "learningRateWarmupSteps",
        int,
        0,
        10_000,
        4,
        4,
        "Steps in which the learning rate rises from 0.",
    ),
    Hyperparameter("weight_decay", "weightDecay", float, 0, 1, 0, 0, "AdamW's decoupled weight decay (L2)."),
    Hyperparameter("gradient_clip", "gradientClip", float, 1e-3, 1e6, 1, 1, "Largest norm of a step's gradient."),
    Hyperparameter("rank", "loraRank", int, 1, 512, 16, 0, "Rank of the LoRA matrices."),
    Hyperparameter(
        "alpha", "loraAlpha", float, 1e-3, 4096, 32, 0, "LoRA's scale: updates are multiplied by alpha / rank."
    ),
    Hyperparameter("dropout", "loraDropout", float, 0, 0.9, 0, 0, "Share of LoRA inputs left out at random."),
    Hyperparameter("max_length", "maxLength", int, 16, 1 << 20, 2048, 2048, "Tokens of a record that are kept."),
    Hyperparameter("seed", "seed", int, 0, 2**31 - 1, 0, 0, "Decides the order of records and all that is random."),
)

#: What only LoRA has; full fine-tuning refuses them.
LORA_ONLY = frozenset({"rank", "alpha", "dropout"})


@dataclass(frozen=True)
class Hyperparameters:
    """Values in force; the table says what each does. What only LoRA has is 0 for full fine-tuning."""

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    gradient_clip: float
    rank: int
    alpha: float
    dropout: float
    max_length: int
    seed: int


def choose(method: Customization, given: Mapping[str, Any]) -> Hyperparameters:
    """The given values, and the method's defaults for the others.

    Raises:
        InvalidInput: A name is unknown or is not the method's, a value is not a number or is out of range: one fault
            each, with the name, the value and the range.
    """
    known = {row.name: row for row in HYPERPARAMETERS}
    unknown = [
        Fault("hyperparameters", None, name, _shown(value), f"one of {', '.join(known)}")
        for name, value in given.items()
        if name not in known
    ]
    faults = [*unknown, *(fault for row in HYPERPARAMETERS for fault in _faults(row, method, given))]
    if faults:
        raise InvalidInput(faults)
    default = {row.name: row.kind(row.lora if method is Customization.LORA else row.full) for row in HYPERPARAMETERS}
    return Hyperparameters(**{**default, **{name: known[name].kind(value) for name, value in given.items()}})


def _faults(row: Hyperparameter, method: Customization, given: Mapping[str, Any]) -> list[Fault]:
    if row.name not in given:
        return []
    value = given[row.name]
    if method is Customization.FULL and row.name in LORA_ONLY:
        return [Fault("hyperparameters", None, row.name, _shown(value), "nothing: only the method lora has it")]
    try:
        number = row.kind(value)
        # True is 1 to Python, and a flag given for a number is a mistake.
        good = row.low <= number <= row.high and number == float(value) and not isinstance(value, bool)
    except (TypeError, ValueError, OverflowError):
        good = False
    whole = "a whole number" if row.kind is int else "a number"
    want = f"{whole}, {_plain(row.low)} to {_plain(row.high)}"
    return [] if good else [Fault("hyperparameters", None, row.name, _shown(value), want)]


def _plain(bound: float) -> str:
    return f"{bound:.0f}" if bound == int(bound) else f"{bound:g}"


def _shown(value: object) -> str:
    try:
        return repr(value)[:80]
    except ValueError:
        # Python writes no number of more than some thousand digits.
        return "a number of thousands of digits"
