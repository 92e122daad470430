from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from outcrop.domain.errors import NotSupported
from outcrop.domain.hyperparameters import choose
from outcrop.domain.models import Customization
from outcrop.models.cost import ModelSize, model_size
from outcrop.models.network import load_network
from outcrop.trainers.adapters import LoraNetwork
from tests.models.conftest import Altered
from tests.tiny_model import tiny_model


def counted(model: Any) -> tuple[int, int]:
    """Weights in the linear layers of the body, and in the head, of a loaded network."""
    head = model.get_output_embeddings()
    linear = [m for m in model.modules() if isinstance(m, (nn.Linear, Conv1D)) and m is not head]
    return sum(m.weight.numel() for m in linear), head.weight.numel()


def trainable(folder: Path, rank: int) -> int:
    """How many weights PEFT trains."""
    network = load_network(folder)
    lora = LoraNetwork(network, choose(Customization.LORA, {"rank": rank}), "base")
    found: int = sum(weight.numel() for weight in network.model.parameters() if weight.requires_grad)
    assert found == sum(tensor.numel() for tensor in lora.tensors().values())
    return found


def test_the_sizes_of_a_tiny_model_by_hand(tiny_folder: Path) -> None:
    # Two layers of width 64: q and o 64×64, k and v 32×64, gate, up and down 192×64; a vocabulary of 259.
    layer = 2 * 64 * 64 + 2 * 32 * 64 + 3 * 192 * 64
    per_rank = 2 * (64 + 64) + 2 * (32 + 64) + 3 * (192 + 64)
    size = model_size(tiny_folder)
    assert size == ModelSize(
        body=2 * layer,
        head=259 * 64,
        lora_per_rank=2 * per_rank,
        layers=2,
        width=64,
        bytes=size.bytes,
        cache_width=2 * 2 * 32,
    )
    assert size.bytes == 4 * (2 * layer + 259 * 64 + 5 * 64)  # five norms


def test_lora_beside_some_layers_only(tiny_folder: Path) -> None:
    assert model_size(tiny_folder, "q_proj,v_proj").lora_per_rank == 2 * ((64 + 64) + (64 + 32))


@pytest.mark.parametrize(("layers", "width", "rank"), [(1, 32, 4), (3, 64, 16)])
def test_the_sizes_are_those_of_the_loaded_network(tmp_path: Path, layers: int, width: int, rank: int) -> None:
    folder = tiny_model(tmp_path / "model", layers=layers, width=width)
    size = model_size(folder)
    network = load_network(folder)
    assert (size.body, size.head) == counted(network.model)
    assert size.bytes == sum(weight.numel() * 4 for weight in network.model.parameters())
    assert size.trained_weights(rank) == trainable(folder, rank)


def test_a_family_with_other_names_and_another_layout(altered: Altered) -> None:
    folder = altered()
    (folder / "model.safetensors").unlink()
    model = GPT2LMHeadModel(GPT2Config(vocab_size=259, n_embd=24, n_layer=2, n_head=2, n_positions=64))
    model.save_pretrained(str(folder))
    size = model_size(folder)
    assert (size.body, size.head) == counted(model)
    assert (size.layers, size.width) == (2, 24)
    assert size.trained_weights(8) == trainable(folder, 8)


def test_a_head_of_its_own_is_the_head(altered: Altered) -> None:
    folder = altered()
    network = load_network(folder)
    network.model.config.tie_word_embeddings = False
    network.model.lm_head.weight = nn.Parameter(torch.zeros(259, 64))
    network.model.save_pretrained(str(folder))
    size, tied = model_size(folder), model_size(tiny_model(folder.parent / "tied"))
    assert (size.body, size.head) == (tied.body, tied.head)
    assert size.bytes == tied.bytes + 4 * 259 * 64


def test_bytes_are_as_stored(tmp_path: Path, tiny_folder: Path) -> None:
    load_network(tiny_folder, dtype=torch.bfloat16).model.save_pretrained(str(tmp_path / "half"))
    whole, half = model_size(tiny_folder), model_size(tmp_path / "half")
    assert half.bytes * 2 == whole.bytes
    assert (half.body, half.head) == (whole.body, whole.head)


def test_the_formulas() -> None:
    size = ModelSize(body=1000, head=300, lora_per_rank=10, layers=2, width=8, bytes=0, cache_width=0)
    # 2·(1000·50 + 300·5) + 4·2·8·20·50
    assert size.forward_flop(50, 5, 20) == 103_000 + 64_000
    # 4·(1000·50 + 300·5) + 6·(10·4)·50 + 12·2·8·20·50
    assert size.training_flop(50, 5, 20, 4) == 206_000 + 12_000 + 192_000
    # 6·(1000·50 + 300·5) + 12·2·8·20·50
    assert size.training_flop(50, 5, 20, None) == 309_000 + 192_000
    assert (size.trained_weights(4), size.trained_weights(None)) == (40, 1300)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match=r"no \.safetensors file"):
        model_size(tmp_path)


@pytest.mark.real
def test_the_sizes_of_the_real_model(real_model_folder: Path) -> None:
    size = model_size(real_model_folder)
    network = load_network(real_model_folder)
    assert (size.body, size.head) == counted(network.model) == (106_168_320, 28_311_552)
    assert (size.layers, size.width) == (30, 576)
    assert size.bytes == 4 * 134_515_008
    assert size.trained_weights(16) == trainable(real_model_folder, 16)
