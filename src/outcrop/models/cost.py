"""What a model's work costs, counted from its files.

Per token, with ``N_body`` weights in the body's matrices, ``N_head`` in the head and ``f`` the share of tokens whose
logits are computed (Kaplan et al. 2020, arXiv 2001.08361, section 2.1; attention as in PaLM, arXiv 2204.02311, app. B):

- forward: ``2·(N_body + f·N_head) + 4·L·d·T``
- LoRA training: ``4·(N_body + f·N_head) + 6·N_lora + 12·L·d·T``
- full training: ``6·(N_body + f·N_head) + 12·L·d·T``
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.models.weights import TensorEntry, tensor_entries

#: LoRA beside every matrix of the body.
ALL = "all-linear"

_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "wpe.weight")
_HEADS = ("lm_head.weight", "embed_out.weight")
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True)
class ModelSize:
    """The sizes that costs follow from.

    Attributes:
        body: Weights in the body's matrices.
        head: Weights in the head, whether or not they are the embedding's.
        lora_per_rank: Weights that LoRA adds per unit of rank: inputs plus outputs of the matrices it is put beside.
        layers, width: Of the network.
        bytes: The weights' size as stored.
        cache_width: Numbers that the network keeps of a token while it writes: keys and values of all layers.
    """

    body: int
    head: int
    lora_per_rank: int
    layers: int
    width: int
    bytes: int
    cache_width: int

    def forward_flop(self, tokens: float, head_tokens: float, context: float) -> float:
        """Floating-point operations of a forward pass over ``tokens``, of which ``head_tokens`` need logits."""
        return 2 * (self.body * tokens + self.head * head_tokens) + 4 * self.layers * self.width * context * tokens

    def training_flop(self, tokens: float, head_tokens: float, context: float, rank: int | None) -> float:
        """The same for a training step; ``rank`` is LoRA's, None for full training."""
        attention = 12 * self.layers * self.width * context * tokens
        factor, adapter = (6, 0) if rank is None else (4, 6 * self.lora_per_rank * rank)
        return factor * (self.body * tokens + self.head * head_tokens) + adapter * tokens + attention

    def trained_weights(self, rank: int | None) -> int:
        """How many weights training changes; ``rank`` as in ``training_flop``."""
        return self.body + self.head if rank is None else self.lora_per_rank * rank


def model_size(folder: Path, targets: str = ALL) -> ModelSize:
    """The sizes of a model, from its files' headers.

    Args:
        folder: The model.
        targets: Names of the layers that LoRA is put beside, with commas between.

    Raises:
        NotSupported: As ``tensor_entries``.
    """
    entries = tensor_entries(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    matrices = [entry for entry in entries if len(entry.shape) == 2]
    heads = [entry for entry in matrices if entry.name.endswith(_HEADS)]
    embeddings = [entry for entry in matrices if entry.name.endswith(_EMBEDDINGS)]
    body = [entry for entry in matrices if entry not in heads and entry not in embeddings]
    layers = int(config.get("num_hidden_layers") or config.get("n_layer") or 0)
    width = int(config.get("hidden_size") or config.get("n_embd") or 0)
    return ModelSize(
        body=sum(entry.size for entry in body),
        head=max((entry.size for entry in heads or embeddings), default=0),
        lora_per_rank=sum(sum(entry.shape) for entry in body if _is_target(entry, targets)),
        layers=layers,
        width=width,
        bytes=sum(_stored(entry) for entry in entries),
        cache_width=2 * layers * _key_width(config, width),
    )


def _key_width(config: dict[str, Any], width: int) -> int:
    """Numbers of a token's keys in one layer; several heads may share theirs."""
    heads = config.get("num_attention_heads") or config.get("n_head") or 1
    return int((config.get("num_key_value_heads") or heads) * (config.get("head_dim") or width // heads))


def _is_target(entry: TensorEntry, targets: str) -> bool:
    return targets == ALL or entry.name.removesuffix(".weight").rpartition(".")[2] in targets.split(",")


def _stored(entry: TensorEntry) -> int:
    return entry.size * _BYTES.get(entry.dtype, 1)
