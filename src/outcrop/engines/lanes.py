"""Rows that run side by side: their keys and values, and which of these each row sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from outcrop.engines.adapters import View, view_of
from outcrop.engines.cache import append_rows, copied, forget, new_cache

# Tokens that no row sees any more are dropped when there are so many.
_FORGOTTEN = 64


class Lanes:
    """Rows whose texts end at the same place in the cache; what is free on the left of shorter ones is masked.

    Args:
        cache: The keys and values of what each row begins with.
        rows: How many rows there are.
        device: Where they are.
    """

    def __init__(self, cache: Any, rows: int, device: torch.device) -> None:
        self._cache = cache
        # The prompts' shared beginning, then what each row adds: ``(rows, tokens)``.
        self._mask = torch.ones(rows, cache.get_seq_length(), dtype=torch.long, device=device)

    def read_prompts(
        self, network: View, prompts: Sequence[Sequence[int]], columns: int | None = None
    ) -> Iterator[Tensor]:
        """Read what the prompts add to their shared beginning, so many columns at a time, or all at once.

        Yields:
            Hidden states at the last column that was read, ``(rows, width)``; the prompts' own come last.
        """
        device, start = self._mask.device, self._mask.shape[1]
        longest = max(map(len, prompts))
        gaps = torch.tensor([longest - len(prompt) for prompt in prompts], device=device)[:, None]
        tokens = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
        places = torch.arange(longest, device=device)[None]
        seen, positions = (places >= gaps).long(), (start + places - gaps).clamp(min=0)
        for begin in range(0, longest, columns or longest):
            part = slice(begin, begin + (columns or longest))
            self._mask = torch.cat([self._mask, seen[:, part]], dim=1)
            yield self._read(network, tokens[:, part], positions[:, part])

    def read(self, network: View, tokens: Sequence[int], positions: Sequence[int]) -> Tensor:
        """Read a token of each row, at its position; hidden states, ``(rows, width)``."""
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        ids, places = (torch.tensor(each, device=self._mask.device)[:, None] for each in (tokens, positions))
        return self._read(network, ids, places)

    def keep(self, order: Sequence[int]) -> None:
        """Keep these rows, in this order; see ``cache.order_without``."""
        index = torch.tensor(order, device=self._mask.device)
        self._cache.batch_select_indices(index)
        self._mask = self._mask[index]

    def append(self, other: Lanes) -> None:
        """Put the rows of other lanes below these."""
        unseen = int(self._mask.any(dim=0).long().argmax())
        if unseen >= _FORGOTTEN:
            forget(self._cache, unseen)
            self._mask = self._mask[:, unseen:]
        append_rows(self._cache, other._cache)
        width = max(self._mask.shape[1], other._mask.shape[1])
        masks = [torch.nn.functional.pad(mask, (width - mask.shape[1], 0)) for mask in (self._mask, other._mask)]
        self._mask = torch.cat(masks)

    def _read(self, network: View, tokens: Tensor, positions: Tensor) -> Tensor:
        return network.hidden(tokens, self._mask, positions, self._cache)[:, -1]


class Beginning:
    """What all prompts of a batch begin with, read once by each of the views that read them.

    Args:
        views: Those of the rows.
        tokens: What their prompts share; may be empty.
    """

    def __init__(self, views: Sequence[View], tokens: Sequence[int]) -> None:
        self.tokens = list(tokens)
        self._views = list(dict.fromkeys(views))
        self._cache = new_cache(views[0].config)
        if tokens:
            ids = torch.tensor([list(tokens)] * len(self._views), device=views[0].device)
            places = torch.arange(len(tokens), device=views[0].device)[None].expand(len(self._views), -1)
            view_of(self._views).hidden(ids, None, places, self._cache)
        self.cells = len(tokens) * len(self._views)

    def begins(self, views: Sequence[View], prompts: Sequence[Sequence[int]]) -> bool:
        """Whether prompts begin with it, and are read by views that have read it."""
        size = len(self.tokens)
        return set(views) <= set(self._views) and all(list(prompt[:size]) == self.tokens for prompt in prompts)

    def lanes(self, views: Sequence[View]) -> Lanes:
        """Lanes for rows with these views that have read the beginning."""
        device = views[0].device
        if not self.cells:
            return Lanes(new_cache(views[0].config), len(views), device)
        places = {view: place for place, view in enumerate(self._views)}
        return Lanes(
            copied(self._cache, torch.tensor([places[view] for view in views], device=device)), len(views), device
        )
