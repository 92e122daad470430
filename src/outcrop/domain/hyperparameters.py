"""Hyperparameters of a customization job: one table for Python, the CLI and the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.models import Customization

Value = int | float | str | bool

_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Number:
    """A number in a range, both ends included; ``whole`` takes no fractions."""

    low: float
    high: float
    whole: bool = False

    @property
    def want(self) -> str:
        """What is expected, in words."""
        return f"a {'whole ' if self.whole else ''}number, {_plain(self.low)} to {_plain(self.high)}"

    def read(self, value: Any) -> int | float:
        """The value as a number.

        Raises:
            ValueError, TypeError, OverflowError: It is none, or out of range.
        """
        number: int | float = (int if self.whole else float)(value)
        # True is 1 to Python, and a flag given for a number is a mistake.
        if isinstance(value, bool) or number != float(value) or not self.low <= number <= self.high:
            raise ValueError
        return number


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def want(self) -> str:
        """What is expected, in words."""
        return f"one of {', '.join(self.words)}"

    def read(self, value: object) -> str:
        """The value as one of the words.

        Raises:
            ValueError: It is none of them.
        """
        if value not in self.words:
            raise ValueError
        return str(value)


@dataclass(frozen=True)
class Switch:
    """True or false."""

    want = "true or false"

    def read(self, value: object) -> bool:
        """The value as a truth; the wire has it as a text.

        Raises:
            ValueError: It is none.
        """
        if isinstance(value, bool):
            return value
        if str(value) not in _TRUTH:
            raise ValueError
        return _TRUTH[str(value)]


@dataclass(frozen=True)
class Text:
    """A text of a certain form."""

    pattern: str
    want: str

    def read(self, value: object) -> str:
        """The value as it is.

        Raises:
            ValueError: It is no text, or of another form.
        """
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise ValueError
        return value


@dataclass(frozen=True)
class Hyperparameter:
    """One row of the table.

    Attributes:
        name: In Python; the CLI's option is the same with dashes.
        wire: In Bedrock's API; where Bedrock has none, ours in its manner.
        kind: What values it takes.
        lora, full: The default for each method.
        help: What it does.
    """

    name: str
    wire: str
    kind: Number | Choice | Switch | Text
    lora: Value
    full: Value
    help: str


def _whole(low: int, high: int) -> Number:
    return Number(low, high, whole=True)


HYPERPARAMETERS = (
    Hyperparameter("epochs", "epochCount", _whole(1, 100), 1, 1, "Passes over the training data."),
    Hyperparameter("batch_size", "batchSize", _whole(1, 1024), 8, 8, "Records per optimiser step."),
    Hyperparameter("learning_rate", "learningRate", Number(1e-8, 1), 1e-3, 5e-5, "Highest step size of AdamW."),
    Hyperparameter(
        "learning_rate_multiplier", "learningRateMultiplier", Number(0.01, 100), 1.0, 1.0, "Multiplies the step size."
    ),
    Hyperparameter(
        "warmup_steps",
        "learningRateWarmupSteps",
        _whole(0, 10_000),
        4,
        4,
        "Steps in which the learning rate rises from 0.",
    ),
    Hyperparameter(
        "schedule",
        "learningRateSchedule",
        Choice(("linear", "cosine", "constant")),
        "linear",
        "linear",
        "How the learning rate goes on after the warm-up: down to 0 at the end in a line or half a cosine, or level.",
    ),
    Hyperparameter("weight_decay", "weightDecay", Number(0, 1), 0.0, 0.0, "AdamW's decoupled weight decay (L2)."),
    Hyperparameter(
        "l1", "l1Penalty", Number(0, 1), 0.0, 0.0, "Adds this times the sum of the trained weights' sizes to the loss."
    ),
    Hyperparameter("gradient_clip", "gradientClip", Number(1e-3, 1e6), 1.0, 1.0, "Largest norm of a step's gradient."),
    Hyperparameter("rank", "loraRank", _whole(1, 512), 16, 0, "Rank of the LoRA matrices."),
    Hyperparameter(
        "alpha", "loraAlpha", Number(1e-3, 4096), 32.0, 0.0, "LoRA's scale: updates are multiplied by alpha / rank."
    ),
    Hyperparameter(
        "rslora",
        "loraRankStabilized",
        Switch(),
        False,
        False,
        "Scale by alpha / √rank, so that high ranks learn as fast (Kalajdzievski 2023, arXiv 2312.03732).",
    ),
    Hyperparameter(
        "targets",
        "loraTargets",
        Text(r"all-linear|\w+(,\w+)*", "all-linear, or names of layers joined by commas, such as q_proj,v_proj"),
        "all-linear",
        "",
        "Layers that get LoRA matrices: all-linear, or their names.",
    ),
    Hyperparameter(
        "dropout",
        "dropout",
        Number(0, 0.9),
        0.0,
        0.0,
        "Share left out at random: of LoRA's inputs; with full, of attention.",
    ),
    Hyperparameter(
        "validations", "validationsPerEpoch", _whole(1, 1000), 1, 1, "Times in an epoch that validation data is scored."
    ),
    Hyperparameter(
        "evaluation_percentage",
        "evalPercentage",
        Number(0, 50),
        0.0,
        0.0,
        "Share of the training records kept back as validation data where none is given.",
    ),
    Hyperparameter(
        "early_stopping_patience",
        "earlyStoppingPatience",
        _whole(0, 1000),
        0,
        0,
        "Stop after this many validations in a row without improvement; 0 never stops.",
    ),
    Hyperparameter(
        "early_stopping_threshold",
        "earlyStoppingThreshold",
        Number(0, 10),
        0.001,
        0.001,
        "What counts as improvement: the best so far, bettered by more than this.",
    ),
    Hyperparameter(
        "early_stopping_metric",
        "earlyStoppingMetric",
        Text(r"[\w.@+-]{1,80}", "loss, or the name of a metric, such as rougeL"),
        "loss",
        "loss",
        "What is watched: the validation loss, or a metric of responses written to the validation prompts.",
    ),
    Hyperparameter(
        "keep",
        "keptCheckpoint",
        Choice(("best", "last")),
        "best",
        "best",
        "Which weights the custom model gets: those of the best validation, or the last ones.",
    ),
    Hyperparameter("max_length", "maxLength", _whole(16, 1 << 20), 2048, 2048, "Tokens of a record that are kept."),
    Hyperparameter(
        "long_records",
        "longRecords",
        Choice(("truncate", "drop", "refuse")),
        "truncate",
        "truncate",
        "What becomes of a longer record: its prompt loses its beginning, it is left out, or the job is refused.",
    ),
    Hyperparameter(
        "turns", "lossOnTurns", Choice(("all", "last")), "all", "all", "Which of the assistant's turns carry loss."
    ),
    Hyperparameter(
        "number_format",
        "numberFormat",
        Choice(("auto", "float32", "bfloat16")),
        "auto",
        "auto",
        "How numbers are computed; auto is float32 on a CPU and bfloat16 on a GPU that has it.",
    ),
    Hyperparameter("seed", "seed", _whole(0, 2**31 - 1), 0, 0, "Decides the order of records and all that is random."),
)

#: What only LoRA has; full fine-tuning refuses them.
LORA_ONLY = frozenset({"rank", "alpha", "rslora", "targets"})


@dataclass(frozen=True)
class Hyperparameters:
    """Values in force; the table says what each does. What only LoRA has is empty for full fine-tuning.

    What came after the first release has a default here, so that a job submitted before it can be continued.
    """

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
    learning_rate_multiplier: float = 1.0
    schedule: str = "linear"
    l1: float = 0.0
    rslora: bool = False
    targets: str = "all-linear"
    validations: int = 1
    evaluation_percentage: float = 0.0
    early_stopping_patience: int = 0
    early_stopping_threshold: float = 0.001
    early_stopping_metric: str = "loss"
    keep: str = "best"
    long_records: str = "truncate"
    turns: str = "all"
    number_format: str = "float32"


def choose(method: Customization, given: Mapping[str, Any]) -> Hyperparameters:
    """The given values, and the method's defaults for the others.

    Raises:
        InvalidInput: A name is unknown or is not the method's, or a value is not of its kind or is out of range: one
            fault each, with the name, the value and what is expected.
    """
    known = {row.name: row for row in HYPERPARAMETERS}
    faults = [
        Fault("hyperparameters", None, name, _shown(value), f"one of {', '.join(known)}")
        for name, value in given.items()
        if name not in known
    ]
    values: dict[str, Any] = {
        row.name: row.lora if method is Customization.LORA else row.full for row in known.values()
    }
    for row in HYPERPARAMETERS:
        if row.name not in given:
            continue
        try:
            values[row.name] = _read(row, method, given[row.name])
        except (TypeError, ValueError, OverflowError):
            faults.append(Fault("hyperparameters", None, row.name, _shown(given[row.name]), _want(row, method)))
    if faults:
        raise InvalidInput(faults)
    return Hyperparameters(**values)


def _read(row: Hyperparameter, method: Customization, value: object) -> Value:
    if method is Customization.FULL and row.name in LORA_ONLY:
        raise ValueError
    return row.kind.read(value)


def _want(row: Hyperparameter, method: Customization) -> str:
    if method is Customization.FULL and row.name in LORA_ONLY:
        return "nothing: only the method lora has it"
    return row.kind.want


def _plain(bound: float) -> str:
    return f"{bound:.0f}" if bound == int(bound) else f"{bound:g}"


def _shown(value: object) -> str:
    try:
        return repr(value)[:80]
    except ValueError:
        # Python writes no number of more than some thousand digits.
        return "a number of thousands of digits"
