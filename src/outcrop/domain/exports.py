"""What an export leaves, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExportForm(StrEnum):
    """What a model is exported as."""

    ADAPTER = "adapter"
    SAFETENSORS = "safetensors"
    GGUF = "gguf"


#: The number types of each form, the default first. An adapter keeps its own.
NUMBER_TYPES = {
    ExportForm.ADAPTER: (),
    ExportForm.SAFETENSORS: ("fp32", "bf16"),
    ExportForm.GGUF: ("q8_0", "f16", "q4_1"),
}


@dataclass(frozen=True)
class TensorKept:
    """What rounding leaves of one tensor's update; ``cosine`` and ``share`` are those of ``UpdateKept``."""

    name: str
    cosine: float
    share: float


@dataclass(frozen=True)
class UpdateKept:
    """What rounding leaves of the difference d between a custom model and its base.

    With d' = rounded(custom) − rounded(base), over all tensors that differ:

    Attributes:
        cosine: Of the angle between d and d': how much of d' is the update, and how much is rounding.
        share: The projection ⟨d', d⟩ / ⟨d, d⟩: 1 where the update is all there, 0 where rounding ate it.
        tensors: The same for each tensor, by name.
    """

    cosine: float
    share: float
    tensors: tuple[TensorKept, ...] = ()


@dataclass(frozen=True)
class Agreement:
    """How near the exported model's logits are to those of what it was made from, at all places of fixed prompts.

    Attributes:
        places: At how many places the next token was predicted.
        same_token: The share of places at which both find the same token likeliest.
        largest: The largest difference of two logits.
        relative: ``largest`` over the largest logit.
    """

    places: int
    same_token: float
    largest: float
    relative: float


@dataclass(frozen=True)
class Export:
    """An export that was written.

    Attributes:
        model: The model's name.
        form: What it was exported as.
        number_type: What its weights are rounded to; "" for weights as they are stored.
        weights: SHA-256 of the written weights, as ``Identity.weights``; of the file, for GGUF.
        bytes: What the weights take; all files where they were copied as they are.
        kept: What rounding left of the update; None where nothing was rounded, or where there is no base to compare.
        agreement: Against what it was made from; None for files that were copied as they are.
        warnings: What may go wrong elsewhere, with the reason: one sentence each.
    """

    model: str
    form: ExportForm
    number_type: str
    weights: str
    bytes: int
    kept: UpdateKept | None = None
    agreement: Agreement | None = None
    warnings: tuple[str, ...] = ()
