"""A checkpoint as a folder of files: safetensors and JSON, nothing that can run code."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.models import CurvePoint
from outcrop.trainers.protocol import Checkpoint


def write_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a checkpoint's files into an empty folder."""
    save_file(
        {name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}, folder / "tensors.safetensors"
    )
    values = {
        "step": checkpoint.step,
        "trainer": checkpoint.trainer,
        "curve": [to_json(point) for point in checkpoint.curve],
        "totals": checkpoint.totals,
    }
    (folder / "state.json").write_text(json.dumps(values), encoding="utf-8")


def read_checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint that a folder holds."""
    values = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    curve = tuple(from_json(CurvePoint, point, str(folder)) for point in values["curve"])
    return Checkpoint(
        values["step"], load_file(folder / "tensors.safetensors"), values["trainer"], curve, values["totals"]
    )
