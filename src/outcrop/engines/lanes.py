"""Rows that run side by side: their keys and values, and which of these each row sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from outcrop.engines.adapters import View
from outcrop.engines.cache import append_rows, forget, new_cache, repeated

# Tokens that no row sees any more are dropped when there are so many.
_FORGOTTEN = 64


class Lanes:
    """Rows whose texts end at the same place in the cache; what is free on the left of shorter ones is masked.

    Args:
        network: The model.
        beginning: What ``read_beginning`` gave; None where the rows share nothing that is kept.
        rows: How many rows there are.
    """

    def __init__(self, network: View, beginning: Any, rows: int) -> None:
        self._network = network
        self._cache = new_cache(network.config) if beginning is None else repeated(beginning, rows)
        # The prompts' shared beginning, then what each row adds: ``(rows, tokens)``.
        self._mask = torch.ones(rows, self._cache.get_seq_length(), dtype=torch.long, device=network.device)

    def read_prompts(self, prompts: Sequence[Sequence[int]]) -> Tensor:
        """Read what the prompts add to their shared beginning; last hidden states, ``(rows, width)``."""
        device, start = self._network.device, self._mask.shape[1]
        longest = max(map(len, prompts))
        gaps = torch.tensor([longest - len(prompt) for prompt in prompts], device=device)[:, None]
        tokens = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
        places = torch.arange(longest, device=device)[None]
        self._mask = torch.cat([self._mask, (places >= gaps).long()], dim=1)
        return self._read(tokens, (start + places - gaps).clamp(min=0))

    def read(self, tokens: Sequence[int], positions: Sequence[int]) -> Tensor:
        """Read a token of each row, at its position; hidden states, ``(rows, width)``."""
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        ids, places = (torch.tensor(each, device=self._network.device)[:, None] for each in (tokens, positions))
        return self._read(ids, places)

    def keep(self, order: Sequence[int]) -> None:
        """Keep these rows, in this order; see ``cache.order_without``."""
        index = torch.tensor(order, device=self._network.device)
        self._cache.batch_select_indices(index)
        self._mask = self._mask[index]

    def append(self, other: Lanes) -> None:
        """Put the rows of other lanes below these; their texts are no longer than the longest here."""
        unseen = int(self._mask.any(dim=0).long().argmax())
        if unseen >= _FORGOTTEN:
            forget(self._cache, unseen)
            self._mask = self._mask[:, unseen:]
        append_rows(self._cache, other._cache)
        left = self._mask.shape[1] - other._mask.shape[1]
        self._mask = torch.cat([self._mask, torch.nn.functional.pad(other._mask, (left, 0))])

    def _read(self, tokens: Tensor, positions: Tensor) -> Tensor:
        return self._network.hidden(tokens, self._mask, positions, self._cache)[:, -1]


def read_beginning(network: View, tokens: Sequence[int]) -> Any:
    """The keys and values of what several prompts begin with."""
    cache, places = new_cache(network.config), torch.arange(len(tokens), device=network.device)[None]
    network.hidden(torch.tensor([list(tokens)], device=network.device), None, places, cache)
    return cache
