"""The weights of a model folder, one tensor at a time, so that a model larger than the memory can be converted."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from outcrop.domain.errors import NotSupported
from outcrop.models.weights import TensorEntry, tensor_entries

_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class Weights(Protocol):
    """Tensors by name, in float32, read when they are asked for."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor, by name, in the order of names."""
        ...

    def read(self, name: str) -> Tensor:
        """One tensor, as float32; a new one on each call."""
        ...


class StoredWeights:
    """The tensors of a folder of safetensors."""

    def __init__(self, folder: Path) -> None:
        """Read the headers.

        Raises:
            NotSupported: As ``tensor_entries``; or a tensor is not made of floating-point numbers.
        """
        self._entries = {entry.name: entry for entry in tensor_entries(folder)}
        if other := sorted(entry.name for entry in self._entries.values() if entry.dtype not in _TYPES):
            kind = self._entries[other[0]].dtype
            raise NotSupported(f"{folder}: tensor {other[0]} is of type {kind}, which can't be converted; only copied")

    @property
    def number_types(self) -> set[str]:
        """The types of the tensors, as safetensors names them."""
        return {entry.dtype for entry in self._entries.values()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """As ``Weights.shapes``."""
        return {name: entry.shape for name, entry in self._entries.items()}

    def read(self, name: str) -> Tensor:
        """As ``Weights.read``.

        Raises:
            KeyError: There is no tensor of that name.
        """
        return _values(self._entries[name]).float()


def _values(entry: TensorEntry) -> Tensor:
    with entry.file.open("rb") as stream:
        stream.seek(entry.begin)
        # A bytearray, because torch warns of memory that can't be written.
        content = bytearray(stream.read(entry.end - entry.begin))
    if not content:
        return torch.empty(entry.shape, dtype=_TYPES[entry.dtype])
    return torch.frombuffer(content, dtype=_TYPES[entry.dtype]).reshape(entry.shape)
