from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from outcrop.domain.errors import NotSupported
from outcrop.domain.records import Message, Role
from outcrop.models.chat import ChatTokenizer
from outcrop.models.companions import copy_config, copy_tokenizer
from outcrop.models.folder import inspect_model
from outcrop.models.merging import MergedWeights, require_change
from outcrop.models.weights import weights_hash
from outcrop.models.writing import write_safetensors
from tests.models.exports import adapter, llama

#: float32 rounds a weight plus its update once more than the two products apart.
TOLERANCE = 1e-4

PROMPTS = ("Name three kinds of rock.", "Was ist Gneis? 🏔️", "    1. Foo 1234\n\nIn one sentence:")


def merge(base: Path, adapter: Path, target: Path) -> None:
    """Base and adapter as one folder of float32."""
    weights = MergedWeights(base, adapter)
    target.mkdir()
    copy_tokenizer(base, target, ChatTokenizer.load(base))
    copy_config(base, target, "fp32")
    write_safetensors(weights, target / "model.safetensors", "fp32")


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


def test_an_untrained_adapter_is_told_from_a_trained_one(tiny_folder: Path, tmp_path: Path) -> None:
    untrained = adapter(tiny_folder, tmp_path / "adapter", 0.0)
    merge(tiny_folder, untrained, tmp_path / "merged")
    assert weights_hash(tmp_path / "merged") == weights_hash(tiny_folder)
    with pytest.raises(NotSupported, match="mine: nothing would be left: the adapter changes no weight"):
        require_change(untrained, "mine")
    require_change(adapter(tiny_folder, tmp_path / "trained", 1e-6), "mine")


@pytest.mark.parametrize("settings", [{"use_rslora": True}, {"fan_in_fan_out": False, "lora_alpha": 7}])
def test_scales_are_pefts(tiny_folder: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    made = adapter(tiny_folder, tmp_path / "adapter")
    alter(made, **settings)
    merged = PeftModel.from_pretrained(plain(tiny_folder), str(made)).merge_and_unload().state_dict()
    ours = MergedWeights(tiny_folder, made)
    for name in ours.changed:
        torch.testing.assert_close(ours.read(name), merged[name], rtol=0, atol=1e-6)
    assert len(ours.changed) == 14


def test_a_network_whose_layers_are_stored_the_other_way_round(tmp_path: Path) -> None:
    """GPT-2's layers are (in, out), and its files leave out how the names begin."""
    gpt2(tmp_path / "base")
    made = adapter(tmp_path / "base", tmp_path / "adapter", 0.05)
    merged = PeftModel.from_pretrained(plain(tmp_path / "base"), str(made)).merge_and_unload().state_dict()
    tensors = load_file(tmp_path / "base" / "model.safetensors")
    save_file(
        {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()},
        tmp_path / "base" / "model.safetensors",
        metadata={"format": "pt"},
    )
    ours = MergedWeights(tmp_path / "base", made)
    assert "h.0.attn.c_attn.weight" in ours.changed
    for name in ours.changed:
        torch.testing.assert_close(ours.read(name), merged[f"transformer.{name}"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"use_dora": True}, "is not plain LoRA (use_dora True)"),
        ({"bias": "all"}, "is not plain LoRA (bias 'all')"),
        ({"modules_to_save": ["lm_head"]}, "is not plain LoRA (modules_to_save ['lm_head'])"),
        ({"peft_type": "IA3"}, "is not plain LoRA (type 'IA3')"),
    ],
)
def test_adapters_of_other_kinds_are_refused(
    tiny_folder: Path, tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    made = adapter(tiny_folder, tmp_path / "adapter")
    alter(made, **settings)
    with pytest.raises(NotSupported, match=re.escape(words)):
        MergedWeights(tiny_folder, made)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("lora_A.weight", "lora_magnitude_vector", "is not plain LoRA: it has"),
        ("base_model.model.model.layers.0.mlp", "base_model.model.model.layers.9.mlp", "the base has no tensor"),
        ("layers.0.mlp.up_proj.lora_A", "layers.0.mlp.other.lora_A", "has one of its two matrices"),
    ],
)
def test_matrices_that_fit_nothing_are_refused(
    tiny_folder: Path, tmp_path: Path, old: str, new: str, words: str
) -> None:
    made = adapter(tiny_folder, tmp_path / "adapter")
    tensors = load_file(made / "adapter_model.safetensors")
    save_file({name.replace(old, new): tensor for name, tensor in tensors.items()}, made / "adapter_model.safetensors")
    with pytest.raises(NotSupported, match=words):
        MergedWeights(tiny_folder, made)


def alter(made: Path, **settings: Any) -> None:
    path = made / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | settings), encoding="utf-8")


def gpt2(folder: Path) -> Path:
    llama(folder, "gpt-2")
    size = json.loads((folder / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    config = GPT2Config(vocab_size=size, n_embd=32, n_layer=1, n_head=2, n_positions=64)
    GPT2LMHeadModel(config).save_pretrained(str(folder))
    return folder


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
