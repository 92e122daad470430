"""LoRA row by row: each row of a batch gets what its own adapter adds.

peft's mixed batches do the same with some eight small operations for each adapter and layer. Here the rows of an
adapter are put side by side first, so that it takes two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from outcrop.domain.errors import NotSupported

#: An adapter, and its rows among those that have any: from where, to where.
Run = tuple[str, int, int]


def plain_layers(adapted: Any) -> list[Any] | None:
    """The layers of a peft model that adapters change; None where one of them is more than a linear layer."""
    from peft.tuners.lora import Linear
    from peft.tuners.lora.layer import LoraLayer
    from peft.utils import AuxiliaryTrainingWrapper

    found = [module for module in adapted.modules() if isinstance(module, LoraLayer | AuxiliaryTrainingWrapper)]
    plain = all(type(layer) is Linear and not layer.lora_variant and not layer.merged for layer in found)
    return found if plain else None


@contextmanager
def row_adapters(layers: Sequence[Any], names: Sequence[str | None], device: torch.device) -> Iterator[None]:
    """Within it, what the layers compute has each row's adapter added; None is the base.

    Args:
        layers: Those of ``plain_layers``, computing as the base does.
        names: The adapter of each row.
        device: Where the rows are.
    """
    rows = sorted((row for row, name in enumerate(names) if name is not None), key=lambda row: str(names[row]))
    runs: list[Run] = []
    for name, own in groupby(rows, key=lambda row: str(names[row])):
        begin = runs[-1][2] if runs else 0
        runs.append((name, begin, begin + len(list(own))))
    add = partial(_add, torch.tensor(rows, device=device), runs, len(names))
    handles = [layer.register_forward_hook(add) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _add(rows: Tensor, runs: Sequence[Run], count: int, layer: Any, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    """What a layer computed, ``(rows, …, width)``, with what adapters add to it."""
    (given,) = inputs
    if len(given) != count:
        raise NotSupported("a layer of the network does not keep rows apart; ask one adapter at a time")
    own = given[rows]
    added = [_added(layer, name, own[begin:end], output) for name, begin, end in runs]
    return output.index_add(0, rows, torch.cat(added))


def _added(layer: Any, name: str, own: Tensor, output: Tensor) -> Tensor:
    if name not in layer.lora_A:
        return output.new_zeros(*own.shape[:-1], output.shape[-1])
    first, second = layer.lora_A[name], layer.lora_B[name]
    found: Tensor = second(first(own.to(first.weight.dtype))) * layer.scaling[name]
    return found.to(output.dtype)
