"""Tensors on disk: reading safetensors headers, and the hash that says which weights these are.

The format is 8 bytes of header length (little endian), a JSON header, then the tensors' bytes
(https://huggingface.co/docs/safetensors: "Format"). Reading it directly needs no torch and knows every number type.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from outcrop.domain.errors import NotSupported

_CHUNK = 1 << 22
_HEADER_LIMIT = 100 << 20


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
    """All tensors of a folder's safetensors files, by name.

    Raises:
        NotSupported: There is no safetensors file, a file is cut off or is not of that format, or two files hold the
            same tensor.
    """
    files = sorted(folder.glob("*.safetensors"))
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


def _file_entries(file: Path) -> list[TensorEntry]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        prefix = stream.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= min(size - 8, _HEADER_LIMIT):
            raise NotSupported(f"{file}: not a safetensors file, or cut off")
        try:
            header = json.loads(stream.read(length))
            start = 8 + length
            entries = [
                TensorEntry(
                    name, value["dtype"], tuple(value["shape"]), file, *(start + o for o in value["data_offsets"])
                )
                for name, value in header.items()
                if name != "__metadata__"
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise NotSupported(f"{file}: the safetensors header can't be read ({error})") from error
    if any(not start <= entry.begin <= entry.end <= size for entry in entries):
        raise NotSupported(f"{file}: cut off: its tensors need more than its {size:,} bytes")
    return entries
