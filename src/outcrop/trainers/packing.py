"""Packing: records laid end to end in one row, each of which sees only itself.

Every layer but attention treats tokens one by one, so a row of many records costs what its tokens cost, and nothing is
padded. Attention is cut at the records' borders and computed record by record. Positions begin anew with each record.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from outcrop.models.network import Network

#: Name under which transformers finds the attention.
NAME = "outcrop_packed"

#: Largest difference, relative to the largest hidden value, at which a packed row still counts as its records.
_TOLERANCE = 1e-3


def pack(network: Network, longest: int) -> bool:
    """Switch a network to attention within records; whether it can.

    Tried out on two short records: an architecture that does not hand on what attention needs keeps its own, and so
    does one that looks back less far than the longest record is long.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    window = getattr(network.model.config, "sliding_window", None)
    if window is not None and window < longest:
        return False
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, _no_mask)
    before = network.model.config._attn_implementation
    one, two = torch.tensor([[1, 2, 3, 4]], device=network.device), torch.tensor([[5, 6, 3]], device=network.device)
    with torch.no_grad():
        want = torch.cat([_alone(network, one), _alone(network, two)], dim=1)
        try:
            network.model.set_attn_implementation(NAME)
            got = network.packed_hidden(torch.cat([one, two], dim=1), (4, 3))
            if (want - got).abs().max() <= _TOLERANCE * want.abs().max():
                return True
        except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError):
            pass
        network.model.set_attn_implementation(before)
    return False


@contextmanager
def unpacked(network: Network) -> Iterator[None]:
    """For a while, the attention that takes padded batches and caches, as generation needs it."""
    before = network.model.config._attn_implementation
    network.model.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        network.model.set_attn_implementation(before)


def _alone(network: Network, tokens: Tensor) -> Tensor:
    return network.hidden(tokens, None, torch.arange(tokens.shape[1], device=network.device)[None])


def _no_mask(*_: Any, **__: Any) -> None:
    """Attention knows the borders itself."""


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    lengths: tuple[int, ...] | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each record of a row, in the manner of transformers' attention functions.

    Args:
        module: The attention layer.
        query: ``(1, heads, tokens, width)``.
        key: ``(1, key heads, tokens, width)``.
        value: As ``key``.
        attention_mask: None.
        dropout: Share of attention weights left out.
        scaling: Of the products.
        lengths: Tokens of each record, in the order of the row; None for a row that is one record.
        sliding_window: How far back a token sees, where the architecture limits it.
        **others: What other architectures need; refused where it changes attention.

    Returns:
        ``(1, tokens, heads, width)``, and no weights.

    Raises:
        NotImplementedError: The architecture bends attention in a way that is not computed here.
    """
    if any(others.get(name) is not None for name in ("softcap", "s_aux", "position_bias", "cache")):
        raise NotImplementedError("attention of another kind")
    own = [query.shape[2]] if lengths is None else list(lengths)
    if sliding_window is not None and max(own) > sliding_window:
        raise NotImplementedError("a record longer than the sliding window")
    shared = query.shape[1] != key.shape[1]
    # Splitting has one cheap gradient, where slices would each fill an array as large as the row.
    parts = zip(*(torch.split(each, own, dim=2) for each in (query, key, value)), strict=True)
    outs = [
        torch.nn.functional.scaled_dot_product_attention(
            q, k, v, dropout_p=dropout, is_causal=True, scale=scaling, enable_gqa=shared
        ).transpose(1, 2)
        for q, k, v in parts
    ]
    return torch.cat(outs, dim=1), None
