"""Where a Llama's tensors are in a GGUF file, and how its rows are ordered there.

transformers turns the halves of a head against each other (RoPE as in GPT-NeoX); llama.cpp turns neighbours, as the
Llama paper's code does. So the rows of the query and key matrices are in another order: what transformers has as two
halves of a head, a GGUF file has interleaved.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

_WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_IN_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)\.weight")

EMBEDDINGS = frozenset({"token_embd.weight", "output.weight"})


def gguf_name(name: str) -> str | None:
    """A tensor's name in a GGUF file; None for one that has no place there."""
    if name in _WHOLE:
        return _WHOLE[name]
    match = _IN_LAYER.fullmatch(name)
    part = _LAYER.get(match[2]) if match else None
    return f"blk.{match[1]}.{part}.weight" if match and part else None


def heads_of(name: str, heads: int, kv_heads: int) -> int | None:
    """How many heads a GGUF tensor's rows are of; None where their order is the same on both sides."""
    if name.endswith(".attn_q.weight"):
        return heads
    return kv_heads if name.endswith(".attn_k.weight") else None


def interleaved(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows as llama.cpp has them: in each head, the first of the one half, the first of the other, the second, ….

    Args:
        rows: ``(heads · size, width)``.
        heads: Those of the query matrix, or of the key matrix, which has fewer under grouped-query attention.
    """
    return rows.reshape(heads, 2, -1, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def in_halves(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows as transformers has them: ``interleaved`` undone."""
    return rows.reshape(heads, -1, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)
