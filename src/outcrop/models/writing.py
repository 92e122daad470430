"""Writing safetensors one tensor at a time; safetensors' own writer wants all of them in memory."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from outcrop.models.reading import Weights

#: Names of ``--type``, of the format, and of torch.
_TYPES = {"fp32": ("F32", torch.float32), "bf16": ("BF16", torch.bfloat16)}


def write_safetensors(weights: Weights, file: Path, number_type: str) -> None:
    """Write all tensors as ``number_type`` (``fp32`` or ``bf16``) into one file, in the order of names.

    The format: https://huggingface.co/docs/safetensors, "Format". The header's metadata are those that transformers
    asks for.
    """
    name, kind = _TYPES[number_type]
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor, shape in weights.shapes().items():
        begin, end = end, end + torch.Size(shape).numel() * kind.itemsize
        header[tensor] = {"dtype": name, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)))
        stream.write(text)
        for tensor in weights.shapes():
            stream.write(weights.read(tensor).to(kind).reshape(-1).view(torch.uint8).numpy().data)


def rounded(tensor: Tensor, number_type: str) -> Tensor:
    """The float32 values that ``write_safetensors`` leaves of a tensor."""
    return tensor.to(_TYPES[number_type][1]).float()
