"""LoRA: low-rank matrices beside frozen weights (Hu et al. 2021, arXiv 2106.09685), by PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from outcrop.domain.hyperparameters import Hyperparameters
from outcrop.models.network import Network
from outcrop.models.quiet import quiet_transformers


class LoraNetwork:
    """A network whose linear layers carry trainable LoRA matrices; the weights under them are frozen."""

    def __init__(self, network: Network, hyperparameters: Hyperparameters, base: str) -> None:
        from peft import LoraConfig, get_peft_model

        self._config = LoraConfig(
            r=hyperparameters.rank,
            lora_alpha=hyperparameters.alpha,
            lora_dropout=hyperparameters.dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        # PEFT draws its first matrices from torch's global generator.
        torch.manual_seed(hyperparameters.seed)
        with quiet_transformers():
            self._adapted: Any = get_peft_model(network.model, self._config)
        self._config.base_model_name_or_path = base

    def tensors(self) -> dict[str, Tensor]:
        """The adapter's weights under PEFT's names."""
        from peft import get_peft_model_state_dict

        # Left to itself, PEFT asks the hub whether the base is one of its models.
        state = get_peft_model_state_dict(self._adapted, save_embedding_layers=False)
        return {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(state.items())}

    def save(self, folder: Path) -> None:
        """Write ``adapter_model.safetensors`` and ``adapter_config.json`` as PEFT reads them."""
        save_file(self.tensors(), folder / "adapter_model.safetensors")
        self._config.inference_mode = True
        # PEFT holds the names as a set, whose order changes from process to process.
        self._config.target_modules = sorted(self._config.target_modules)
        self._config.save_pretrained(str(folder))
