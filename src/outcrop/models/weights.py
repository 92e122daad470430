"""Tensors on disk: reading safetensors headers, and the hash that says which weights these are.

The format is 8 bytes of header length (little endian), a JSON header, then the tensors' bytes
(https://huggingface.co/docs/safetensors: "Format"). Reading it directly needs no torch and knows every number type.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from outcrop.domain.errors import NotSupported

_CHUNK = 1 << 22
_HEADER_LIMIT = 100 << 20
_INDEX = "model.safetensors.index.json"
_BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}


@dataclass(frozen=True)
class TensorEntry:
    """Where a tensor lies: ``begin`` and ``end`` are byte offsets in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    begin: int
    end: int

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        count = 1
        for length in self.shape:
            count *= length
        return count


def tensor_entries(folder: Path) -> list[TensorEntry]:
    """All tensors of the safetensors files that loaders read, by name.

    Raises:
        NotSupported: There is no safetensors file, a file is cut off or is not of that format, two files hold the same
            tensor, or the index names a file that is not there.
    """
    files = _weight_files(folder)
    if not files:
        raise NotSupported(f"{folder}: no .safetensors file; other kinds of weights can run code and are not read")
    entries = sorted((entry for file in files for entry in _file_entries(file)), key=lambda entry: entry.name)
    for one, two in pairwise(entries):
        if one.name == two.name:
            raise NotSupported(f"{folder}: tensor {one.name} is in {one.file.name} and in {two.file.name}")
    return entries


def weights_hash(folder: Path) -> str:
    """SHA-256 over each tensor's name, type, shape and bytes, in the order of names; how files are split has no say.

    Raises:
        NotSupported: As ``tensor_entries``.
    """
    digest = hashlib.sha256()
    for entry in tensor_entries(folder):
        digest.update(f"{entry.name}\0{entry.dtype}\0{entry.shape}\0".encode())
        with entry.file.open("rb") as stream:
            stream.seek(entry.begin)
            left = entry.end - entry.begin
            while left:
                block = stream.read(min(left, _CHUNK))
                left -= len(block)
                digest.update(block)
    return digest.hexdigest()


def weight_names(folder: Path, names: Collection[str]) -> list[str]:
    """Which safetensors files loaders read: the one whole file, else those of the index, else all.

    A repository may hold its weights a second time.

    Args:
        folder: Where the index is, if there is one.
        names: Of the safetensors files that the model comes with.

    Raises:
        NotSupported: The index can't be read, or names a file that is not among them.
    """
    index = folder / _INDEX
    if "model.safetensors" in names:
        return ["model.safetensors"]
    if not index.is_file():
        return sorted(names)
    try:
        wanted = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotSupported(f"{index}: the index can't be read ({error})") from error
    for name in wanted:
        if name not in names:
            raise NotSupported(f"{index}: the index names {name!r}, and the folder has no such file")
    return wanted


def _weight_files(folder: Path) -> list[Path]:
    names = {path.name for path in folder.glob("*.safetensors") if path.is_file()}
    return [folder / name for name in weight_names(folder, names)]


def _file_entries(file: Path) -> list[TensorEntry]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        prefix = stream.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= min(size - 8, _HEADER_LIMIT):
            raise NotSupported(f"{file}: not a safetensors file, or cut off")
        try:
            header = json.loads(stream.read(length))
            entries = [_entry(file, 8 + length, *item) for item in header.items() if item[0] != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NotSupported(f"{file}: the safetensors header can't be read ({error})") from error
    for entry in entries:
        if not 8 + length <= entry.begin <= entry.end <= size:
            raise NotSupported(f"{file}: cut off: its tensors need more than its {size:,} bytes")
        bits, given = _BITS.get(entry.dtype), 8 * (entry.end - entry.begin)
        if bits is not None and bits * entry.size != given:
            facts = f"tensor {entry.name} of shape {entry.shape} and type {entry.dtype} has {given // 8:,} bytes"
            raise NotSupported(f"{file}: {facts}; fetch the file again")
    return entries


def _entry(file: Path, start: int, name: str, value: dict[str, Any]) -> TensorEntry:
    shape, (begin, end), dtype = tuple(value["shape"]), value["data_offsets"], value["dtype"]
    if not all(type(number) is int for number in (*shape, begin, end)) or min(shape, default=0) < 0:
        raise ValueError(f"the shape or the place of {name} is made of other things than whole numbers")
    if not isinstance(dtype, str):
        raise TypeError(f"the type of {name} is {dtype!r}")
    return TensorEntry(name, dtype, shape, file, start + begin, start + end)
