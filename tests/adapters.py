"""LoRA adapters with random weights, as models of a home."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from outcrop import Outcrop
from outcrop.domain.models import Identity, ModelKind
from outcrop.models.weights import weights_hash
from outcrop.testing.catalogs import a_model


def add_adapters(outcrop: Outcrop, base: str, folder: Path, names: list[str]) -> None:
    """Put adapters, each with weights of its own, on a base that is there; ``folder`` gets their files."""
    under = outcrop.models.show(base)
    network = AutoModelForCausalLM.from_pretrained(str(outcrop.services.store.get_folder(under.uri)))
    adapted = get_peft_model(network, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    for seed, name in enumerate(names):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter, weights in adapted.named_parameters():
                if "lora_" in parameter:
                    weights.copy_(torch.randn(weights.shape, generator=generator) * 0.2)
        adapted.save_pretrained(str(folder / name))
        model = a_model(
            name,
            kind=ModelKind.ADAPTER,
            base=base,
            identity=Identity(weights_hash(folder / name), under.identity.tokenizer, under.identity.template),
            context=under.context,
        )
        outcrop.services.store.put_folder(folder / name, model.uri)
        outcrop.services.catalog.add_model(model)
