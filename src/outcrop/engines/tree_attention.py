"""Attention over a tree of tokens that lies in one row: each token sees its own beginning and nothing else.

Every layer but attention treats tokens one by one, so a row of many texts costs what its tokens cost, and nothing is
padded. A stretch of tokens without a branch is computed in one piece; a small subtree is too, under a mask.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

from outcrop.engines.trie import Part, Trie
from outcrop.models.network import Network

#: Name under which transformers finds the attention.
NAME = "outcrop_tree"

# A subtree of up to this many tokens is computed at once.
_SUBTREE = 512

#: Largest difference, relative to the largest hidden value, at which a tree still counts as its rows.
_TOLERANCE = 1e-3

#: From and to, in keys.
Range = tuple[int, int]


@dataclass(frozen=True)
class Stretch:
    """Neighbouring tokens of a part, ``start`` to ``end``, and the keys that they see.

    ``mask`` is ``(tokens, keys)``, True where a token sees a key; None where there are no keys but the tokens' own, and
    each sees those up to itself.
    """

    start: int
    end: int
    keys: tuple[Range, ...]
    mask: Tensor | None


def stretches(trie: Trie, part: Part, device: torch.device) -> list[Stretch]:
    """What attention computes for a part; keys are those of the kept beginning, then those of the part's tokens."""
    if part.stop is not None:
        return _line(0, part.stop - part.above, _joined((), (0, part.above)), part.above, device)
    found: list[Stretch] = []
    waiting = [(part.begin, part.end, part.above, _joined((), (0, part.above)))]
    while waiting:
        begin, end, depth, seen = waiting.pop()
        common = trie.common(begin, end)
        start = _place(trie, part, begin, depth)
        middle = start + common - depth
        found += _line(start, middle, seen, part.above, device)
        seen = _joined(seen, (part.above + start, part.above + middle))
        below = trie.size(begin, end, common)
        if 0 < below <= _SUBTREE:
            mask = np.concatenate([np.ones((below, common), bool), _ancestors(trie, begin, end)], axis=1)
            keys = _joined(seen, (part.above + middle, part.above + middle + below))
            found.append(Stretch(middle, middle + below, keys, torch.from_numpy(mask).to(device)))
        elif below:
            waiting += [(*branch, common, seen) for branch in trie.branches(begin, end)]
    return found


class KeptBeginning:
    """Keys and values of the tokens that a part's rows begin with.

    Args:
        config: The network's configuration.
    """

    def __init__(self, config: Any) -> None:
        self.cache = DynamicCache(config=config)
        self.cache.layers = [_KeptLayer() for _ in self.cache.layers]
        self._tokens = 0

    def open(self, part: Part) -> Any:
        """The cache that a part runs with; None where nothing is above it and nothing of it is kept."""
        for layer in self.cache.layers:
            layer.grows = part.stop is not None
            layer.crop(part.above - self._tokens)
        self._tokens = part.above if part.stop is None else part.stop
        return self.cache if part.above or part.stop is not None else None


class _KeptLayer(DynamicLayer):  # type: ignore[misc]
    """A layer's keys and values, which new ones follow, and are kept only while it grows."""

    grows = False
    keys: Tensor
    values: Tensor

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """The kept keys and values and the new ones, ``(1, heads, tokens, size)``."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        kept = self.keys, self.values
        both: tuple[Tensor, Tensor] = super().update(key_states, value_states)
        if not self.grows:
            self.keys, self.values = kept
        return both


def tree_hidden(network: Network, tokens: Tensor, positions: Tensor, found: list[Stretch], cache: Any = None) -> Tensor:
    """Last hidden states of a part, ``(1, tokens, width)``.

    Args:
        network: The model; its attention is another for the time of the call.
        tokens: Ids, ``(1, tokens)``.
        positions: Place of each token in its text, ``(1, tokens)``.
        found: What ``stretches`` says.
        cache: What ``KeptBeginning.open`` says.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, _attention)
    before = network.model.config._attn_implementation
    network.model.set_attn_implementation(NAME)
    try:
        return network.hidden(tokens, None, positions, cache, stretches=found)
    finally:
        network.model.set_attn_implementation(before)


def sight(config: Any) -> float:
    """How many tokens back a network sees, where its configuration limits that; else infinity."""
    text = config.get_text_config()
    limits = (getattr(text, name, None) for name in ("sliding_window", "attention_chunk_size"))
    return min((limit for limit in limits if limit), default=math.inf)


@torch.no_grad()
def runs_trees(network: Network) -> bool:
    """Whether a tree computes what its rows compute, tried out on three short rows in one part and in several.

    Rows longer than ``sight`` are not tried out, and are not to run so.
    """
    rows = [[1, 2, 3, 4], [1, 2, 5], [1, 2, 3, 6, 7]]
    trie = Trie(rows)
    beginning = KeptBeginning(network.model.config)
    for parts in ([Part(0, 3, 0)], [Part(0, 1, 0, 2), Part(0, 2, 2), Part(2, 3, 2)]):
        states: dict[int, Tensor] = {}
        try:
            for part in parts:
                tokens, places = (
                    torch.tensor([line], device=network.device) for line in (trie.tokens(part), trie.depths(part))
                )
                found = stretches(trie, part, network.device)
                states |= zip(
                    trie.nodes(part).tolist(),
                    tree_hidden(network, tokens, places, found, beginning.open(part))[0],
                    strict=True,
                )
        except (ValueError, TypeError, KeyError, RuntimeError, AttributeError, NotImplementedError):
            return False
        if not all(_alike(network, row, [states[node] for node in trie.path(row).tolist()]) for row in rows):
            return False
    return True


def _alike(network: Network, row: list[int], states: list[Tensor]) -> bool:
    tokens = torch.tensor([row], device=network.device)
    want = network.hidden(tokens, None, torch.arange(len(row), device=network.device)[None])[0]
    return bool((want - torch.stack(states)).abs().max() <= _TOLERANCE * want.abs().max())


def _line(start: int, end: int, seen: tuple[Range, ...], above: int, device: torch.device) -> list[Stretch]:
    """Tokens without a branch, below keys that they all see."""
    if start == end:
        return []
    before, own = sum(last - first for first, last in seen), end - start
    mask = torch.ones(own, before + own, dtype=torch.bool, device=device).tril(before) if before else None
    return [Stretch(start, end, _joined(seen, (above + start, above + end)), mask)]


def _place(trie: Trie, part: Part, row: int, depth: int) -> int:
    """Where in the part the row's token at a depth lies; the row has it to itself, or is the first that does."""
    if row == part.begin:
        return depth - part.above
    return trie.size(part.begin, row, part.above) + depth - int(trie.shared[row])


def _joined(ranges: tuple[Range, ...], more: Range) -> tuple[Range, ...]:
    """The ranges and one more; neighbours become one, and an empty one is left out."""
    if more[0] == more[1]:
        return ranges
    if ranges and ranges[-1][1] == more[0]:
        return (*ranges[:-1], (ranges[-1][0], more[1]))
    return (*ranges, more)


def _ancestors(trie: Trie, begin: int, end: int) -> NDArray[np.bool_]:
    """Which nodes of a subtree are beginnings of which: ``(nodes, nodes)``; a node is one of its own."""
    common = trie.common(begin, end)
    size = trie.size(begin, end, common)
    mask = np.zeros((size, size), bool)
    path: NDArray[np.int64] = np.empty(0, np.int64)
    filled = 0
    for row in range(begin, end):
        old = 0 if row == begin else int(trie.shared[row]) - common
        new = np.arange(filled, filled + len(trie.rows[row]) - common - old)
        path = np.concatenate([path[:old], new])
        mask[np.ix_(new, path)] = np.tri(len(new), len(path), old, dtype=bool)
        filled += len(new)
    return mask


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    stretches: list[Stretch] | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention stretch by stretch, in the manner of transformers' attention functions.

    Args:
        module: The attention layer.
        query: ``(1, heads, tokens, width)``.
        key: ``(1, key heads, kept tokens and tokens, width)``.
        value: As ``key``.
        attention_mask: None.
        dropout: Not used; nothing is trained here.
        scaling: Of the products.
        stretches: What to compute.
        **others: What other architectures need; refused where it changes attention.

    Returns:
        ``(1, tokens, heads, width)``, and no weights.

    Raises:
        NotImplementedError: The architecture bends attention in a way that is not computed here.
    """
    if stretches is None or any(
        others.get(name) is not None for name in ("softcap", "s_aux", "position_bias", "cache")
    ):
        raise NotImplementedError("attention of another kind")
    shared = query.shape[1] != key.shape[1]
    out = query.new_empty(1, query.shape[2], query.shape[1], value.shape[3])
    for one in stretches:
        part = torch.nn.functional.scaled_dot_product_attention(
            query[:, :, one.start : one.end],
            _seen(key, one.keys),
            _seen(value, one.keys),
            attn_mask=one.mask,
            is_causal=one.mask is None,
            scale=scaling,
            enable_gqa=shared,
        )
        out[:, one.start : one.end] = part.transpose(1, 2)
    return out, None


def _seen(states: Tensor, ranges: tuple[Range, ...]) -> Tensor:
    pieces = [states[:, :, first:last] for first, last in ranges]
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=2)
