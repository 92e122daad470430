"""Base models, custom models, and where a custom model came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ModelKind(StrEnum):
    """How a model's weights are kept."""

    BASE = "base"
    ADAPTER = "adapter"
    FULL = "full"


class Customization(StrEnum):
    """The ways a base model can be adapted."""

    LORA = "lora"
    FULL = "full"


@dataclass(frozen=True)
class Identity:
    """What a model is, by content: SHA-256 hex digests.

    ``weights`` covers names, types, shapes and bytes of all tensors, however they are split over files;
    ``template`` is empty for a model without a chat template.
    """

    weights: str
    tokenizer: str
    template: str

    def __str__(self) -> str:
        return f"weights {self.weights[:12]}, tokenizer {self.tokenizer[:12]}, template {self.template[:12] or 'none'}"


@dataclass(frozen=True)
class CurvePoint:
    """One point of a training curve; ``training_loss`` is a mean over the tokens since the point before.

    Losses are in nats per token; ``validation_metric`` is the figure that early stopping watches where that is not the
    loss. None where not measured at this step.
    """

    step: int
    epoch: int
    training_loss: float | None = None
    validation_loss: float | None = None
    validation_metric: float | None = None


@dataclass(frozen=True)
class Lineage:
    """How a custom model came to be: enough to make it again."""

    job: str
    base: str
    base_identity: Identity
    method: Customization
    data_uri: str
    data_hash: str
    hyperparameters: dict[str, Any]
    seed: int
    versions: dict[str, str]
    curve: tuple[CurvePoint, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A model in the catalog.

    Attributes:
        name: Its name, unique in the catalog.
        kind: Base weights, an adapter over a base, or whole weights made by full fine-tuning.
        engine: Which engine runs it (``transformers``, ``scripted``, ``remote``); ``encoder`` and ``classifier`` for
            models that write no text but give vectors, or scores of labels.
        uri: Where its files are in the store.
        identity: Its hashes.
        source: Where it came from, as a person would say it.
        licence: SPDX id, or what the source says.
        architecture: The network's class name.
        parameters: How many weights it has (an adapter: its own).
        context: The longest input it takes, in tokens.
        customizations: For each way of customising, "" where supported, else the reason why not.
        created: Seconds since the epoch.
        base: For an adapter, the name of the model it sits on.
        lineage: For a custom model, how it was made.
        imported: The id of the job that brought it from elsewhere; None where it was added at once.
    """

    name: str
    kind: ModelKind
    engine: str
    uri: str
    identity: Identity
    source: str
    licence: str
    architecture: str
    parameters: int
    context: int
    customizations: dict[str, str]
    created: float
    base: str | None = None
    lineage: Lineage | None = None
    imported: str | None = None
