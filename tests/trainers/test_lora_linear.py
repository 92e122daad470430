"""LoRA as one operation computes what PEFT computes, forward and backward."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Qwen2Config

from outcrop.trainers.lora_linear import fuse
from tests.trainers.test_packing import llama


def adapted(config: Any, **lora: Any) -> Any:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    made = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", **lora))
    for name, weight in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    return made


def loss_and_gradients(model: Any) -> tuple[float, dict[str, torch.Tensor]]:
    tokens = torch.randint(3, 97, (3, 20), generator=torch.Generator().manual_seed(1))
    loss = model(input_ids=tokens, labels=tokens).loss
    loss.backward()
    return float(loss), {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}


def biased() -> Qwen2Config:
    return Qwen2Config(**{**llama().to_dict(), "model_type": "qwen2"})


@pytest.mark.parametrize("config", [llama(), biased()], ids=["llama", "qwen2, with biases"])
@pytest.mark.parametrize("lora", [{}, {"use_rslora": True}], ids=["lora", "rslora"])
def test_fused_is_plain(config: Any, lora: dict[str, Any]) -> None:
    plain, fused = adapted(config, **lora), adapted(config, **lora)
    assert fuse(fused) == 14
    wanted, gradients = loss_and_gradients(plain)
    found, others = loss_and_gradients(fused)
    assert found == pytest.approx(wanted, rel=1e-6)
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        assert torch.allclose(gradient, others[name], rtol=1e-4, atol=1e-7), name


@pytest.mark.parametrize("lora", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}])
def test_what_is_more_than_two_matrices_stays_as_it_is(lora: dict[str, Any]) -> None:
    assert fuse(adapted(llama(), **lora)) == 0
