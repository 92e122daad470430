"""LoRA: low-rank matrices beside frozen weights (Hu et al. 2021, arXiv 2106.09685), by PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from outcrop.domain.errors import NotSupported
from outcrop.domain.hyperparameters import Hyperparameters
from outcrop.models.network import Network
from outcrop.models.quiet import quiet_transformers
from outcrop.trainers.lora_linear import fuse

_WEIGHTS = "adapter_model.safetensors"


class LoraNetwork:
    """A network whose linear layers carry trainable LoRA matrices; the weights under them are frozen.

    Args:
        network: Gets the matrices, in place.
        hyperparameters: Rank, scale, dropout, targets and seed.
        base: The name of the base model, which the adapter's files say.
        start: A folder with an adapter of the same shape to go on from.

    Raises:
        NotSupported: The network has no layer of a target's name, or ``start`` has another shape.
    """

    def __init__(
        self, network: Network, hyperparameters: Hyperparameters, base: str, start: Path | None = None
    ) -> None:
        from peft import LoraConfig, get_peft_model

        targets = hyperparameters.targets
        self._config = LoraConfig(
            r=hyperparameters.rank,
            lora_alpha=hyperparameters.alpha,
            lora_dropout=hyperparameters.dropout,
            use_rslora=hyperparameters.rslora,
            target_modules=targets if targets == "all-linear" else targets.split(","),
            task_type="CAUSAL_LM",
        )
        # PEFT draws its first matrices from torch's global generator.
        torch.manual_seed(hyperparameters.seed)
        try:
            with quiet_transformers():
                self._adapted: Any = get_peft_model(network.model, self._config)
        except ValueError as error:
            raise NotSupported(f"targets {targets!r}: {str(error).splitlines()[0]}") from error
        if start is not None:
            self._go_on_from(start)
        fuse(network.model)
        self._config.base_model_name_or_path = base

    def tensors(self) -> dict[str, Tensor]:
        """The adapter's weights under PEFT's names."""
        from peft import get_peft_model_state_dict

        # Left to itself, PEFT asks the hub whether the base is one of its models.
        state = get_peft_model_state_dict(self._adapted, save_embedding_layers=False)
        return {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(state.items())}

    def save(self, folder: Path) -> None:
        """Write ``adapter_model.safetensors`` and ``adapter_config.json`` as PEFT reads them."""
        save_file(self.tensors(), folder / _WEIGHTS)
        self._config.inference_mode = True
        # PEFT holds the names as a set, whose order changes from process to process.
        self._config.target_modules = sorted(self._config.target_modules)
        self._config.save_pretrained(str(folder))

    def _go_on_from(self, start: Path) -> None:
        from peft import set_peft_model_state_dict

        tensors, own = load_file(start / _WEIGHTS), self.tensors()
        if {name: tensor.shape for name, tensor in tensors.items()} != {n: tensor.shape for n, tensor in own.items()}:
            raise NotSupported(f"{start}: the adapter has other layers or another rank than the one to train")
        set_peft_model_state_dict(self._adapted, tensors)
