"""Weights that follow from a parameter's name, so that two programs start from the same numbers."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Spread of the matrices: wide enough that every layer matters, narrow enough that AdamW stays calm.
_SPREAD = 0.1


def fill_weights(parameters: Iterable[tuple[str, Tensor]]) -> None:
    """Draw all weights of a network in place: matrices around 0, norms around 1."""
    for name, weight in parameters:
        drawn = _SPREAD * _generator(name).standard_normal(weight.shape)
        _set(weight, drawn if weight.dim() > 1 else 1 + drawn)


def fill_lora(parameters: Iterable[tuple[str, Tensor]]) -> None:
    """Draw PEFT's LoRA matrices in place as PEFT does by default: A uniform within 1 / sqrt(inputs), B zero.

    Args:
        parameters: Names, which end alike whatever PEFT wraps around the network, and weights.
    """
    for name, weight in parameters:
        if ".lora_A." in name:
            bound = weight.shape[1] ** -0.5
            _set(weight, _generator(name[name.index("layers.") :]).uniform(-bound, bound, weight.shape))
        elif ".lora_B." in name:
            _set(weight, np.zeros(weight.shape))


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(crc32(name.encode()))


@torch.no_grad()
def _set(weight: Tensor, values: NDArray[np.float64]) -> None:
    weight.copy_(torch.from_numpy(values.astype(np.float32)))
