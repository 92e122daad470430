from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from outcrop.domain.errors import NotSupported
from outcrop.models.reading import StoredWeights
from outcrop.models.writing import rounded, write_safetensors


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"one": (3, 5), "empty": (0, 4), "scalar": (), "long": (7,)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize("stored", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("number_type", "kind"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_what_is_written_is_what_safetensors_reads(
    tmp_path: Path, tensors: dict[str, torch.Tensor], stored: torch.dtype, number_type: str, kind: torch.dtype
) -> None:
    kept = {name: tensor.to(stored) for name, tensor in tensors.items()}
    save_file(kept, tmp_path / "model.safetensors")
    weights = StoredWeights(tmp_path)
    (tmp_path / "out").mkdir()
    write_safetensors(weights, tmp_path / "out" / "model.safetensors", number_type)
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert found.keys() == kept.keys()
    for name, tensor in kept.items():
        assert torch.equal(found[name], tensor.float().to(kind))
        assert torch.equal(rounded(weights.read(name), number_type), found[name].float())


def test_whole_numbers_are_only_copied(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2), "b": torch.ones(2, dtype=torch.int64)}, tmp_path / "model.safetensors")
    with pytest.raises(NotSupported, match="tensor b is of type I64, which can't be converted; only copied"):
        StoredWeights(tmp_path)
