from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from outcrop.domain.errors import NotSupported
from outcrop.domain.hyperparameters import choose
from outcrop.domain.models import Customization
from outcrop.domain.records import Message, Role
from outcrop.models.chat import ChatTokenizer
from outcrop.models.folder import inspect_model
from outcrop.models.merging import merge
from outcrop.models.network import load_network
from outcrop.models.weights import weights_hash
from outcrop.trainers.adapters import LoraNetwork

#: float32 rounds a weight plus its update once more than the two products apart.
TOLERANCE = 1e-4

PROMPTS = ("Name three kinds of rock.", "Was ist Gneis? 🏔️", "    1. Foo 1234\n\nIn one sentence:")


def adapter(base: Path, folder: Path, spread: float = 0.02) -> Path:
    """An adapter that changes every layer: PEFT begins with B = 0, so B is drawn here."""
    lora = LoraNetwork(load_network(base), choose(Customization.LORA, {"seed": 3}), "the base")
    folder.mkdir()
    lora.save(folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    generator = torch.Generator().manual_seed(1)
    for name, tensor in tensors.items():
        if "lora_B" in name:
            assert not tensor.any()
            tensors[name] = torch.randn(tensor.shape, generator=generator) * spread
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def plain(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()


def logits(model: Any, tokens: list[int]) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(input_ids=torch.tensor([tokens])).logits[0]
    return found


def hashes(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def check(base: Path, tmp_path: Path, spread: float) -> None:
    """Adapter and merged weights compute the same, and something else than the base."""
    before = hashes(base)
    made = adapter(base, tmp_path / "adapter", spread)
    merge(base, made, tmp_path / "merged")
    assert hashes(base) == before
    tokenizer = ChatTokenizer.load(tmp_path / "merged")
    assert tokenizer.identity == ChatTokenizer.load(base).identity
    beside, merged, alone = PeftModel.from_pretrained(plain(base), str(made)), plain(tmp_path / "merged"), plain(base)
    for prompt in PROMPTS:
        tokens = tokenizer.encode_prompt([Message(Role.USER, prompt)])
        want = logits(beside, tokens)
        scale = float(want.abs().max())
        assert float((logits(merged, tokens) - want).abs().max()) <= TOLERANCE * max(scale, 1)
        assert float((logits(alone, tokens) - want).abs().max()) > 100 * TOLERANCE * scale


def test_merged_weights_compute_what_base_and_adapter_compute(tiny_folder: Path, tmp_path: Path) -> None:
    check(tiny_folder, tmp_path, 0.05)


@pytest.mark.real
def test_the_same_at_real_size(real_model_folder: Path, tmp_path: Path) -> None:
    check(real_model_folder, tmp_path, 0.02)


def test_a_merged_model_is_a_whole_one(tiny_folder: Path, tmp_path: Path) -> None:
    merge(tiny_folder, adapter(tiny_folder, tmp_path / "adapter"), tmp_path / "merged")
    base, merged = inspect_model(tiny_folder), inspect_model(tmp_path / "merged")
    assert merged.identity.weights != base.identity.weights
    assert (merged.architecture, merged.parameters, merged.context) == (
        base.architecture,
        base.parameters,
        base.context,
    )
    assert merged.customizations == {"lora": "", "full": ""}
    names = set(load_file(tmp_path / "merged" / "model.safetensors"))
    assert names == set(load_file(tiny_folder / "model.safetensors"))
    stops = [ChatTokenizer.load(folder).stop_ids for folder in (tiny_folder, tmp_path / "merged")]
    assert stops[0] == stops[1]


def test_the_merged_weights_are_the_formulas(tiny_folder: Path, tmp_path: Path) -> None:
    """W + alpha / rank · B·A (Hu et al. 2021, section 4.1), by hand for one matrix."""
    made = adapter(tiny_folder, tmp_path / "adapter")
    merge(tiny_folder, made, tmp_path / "merged")
    parts = load_file(made / "adapter_model.safetensors")
    layer = "model.layers.1.mlp.down_proj"
    a, b = (parts[f"base_model.model.{layer}.lora_{letter}.weight"].double() for letter in "AB")
    assert (a.shape, b.shape) == ((16, 192), (64, 16))
    want = load_file(tiny_folder / "model.safetensors")[f"{layer}.weight"].double() + 32 / 16 * b @ a
    got = load_file(tmp_path / "merged" / "model.safetensors")[f"{layer}.weight"]
    torch.testing.assert_close(got.double(), want, rtol=0, atol=1e-6)


def test_an_untrained_adapter_merges_to_the_base(tiny_folder: Path, tmp_path: Path) -> None:
    merge(tiny_folder, adapter(tiny_folder, tmp_path / "adapter", 0.0), tmp_path / "merged")
    assert weights_hash(tmp_path / "merged") == weights_hash(tiny_folder)


def test_merging_twice_gives_the_same_bytes(tiny_folder: Path, tmp_path: Path) -> None:
    made = adapter(tiny_folder, tmp_path / "adapter")
    merge(tiny_folder, made, tmp_path / "one")
    merge(tiny_folder, made, tmp_path / "two")
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_the_adapters_configuration_names_base_and_layers(tiny_folder: Path, tmp_path: Path) -> None:
    made = adapter(tiny_folder, tmp_path / "adapter")
    config = json.loads((made / "adapter_config.json").read_text(encoding="utf-8"))
    assert (config["base_model_name_or_path"], config["r"], config["lora_alpha"]) == ("the base", 16, 32)
    assert (config["task_type"], config["inference_mode"]) == ("CAUSAL_LM", True)
    layers = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert {name.rpartition(".")[2] for name in config["target_modules"]} == layers
    assert len(config["target_modules"]) == 2 * len(layers)


def test_weights_that_are_no_numbers_are_not_merged(tiny_folder: Path, tmp_path: Path) -> None:
    made = adapter(tiny_folder, tmp_path / "adapter", float("inf"))
    with pytest.raises(NotSupported, match="adapter: the merged weights are not finite; train the adapter again"):
        merge(tiny_folder, made, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
