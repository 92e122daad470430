"""An adapter merged into its base: W + alpha / rank · B·A (Hu et al. 2021, arXiv 2106.09685, section 4.1).

PEFT's own merge holds the whole model in memory. This one reads tensor by tensor, and so knows plain LoRA only; what
it makes is compared with PEFT's forward pass before anybody gets it (``models.agreement``).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from outcrop.domain.errors import NotSupported
from outcrop.models.reading import StoredWeights

_PREFIX = "base_model.model."

#: Settings of PEFT that change what is added to a weight, and their value in plain LoRA.
_PLAIN = {"use_dora": False, "use_qalora": False, "lora_bias": False, "bias": "none"}
_UNSET = ("alpha_pattern", "layer_replication", "modules_to_save", "target_parameters", "trainable_token_indices")


class MergedWeights:
    """A base's tensors with an adapter's updates added in float32."""

    def __init__(self, base: Path, adapter: Path) -> None:
        """Match the adapter's matrices with the base's tensors.

        Raises:
            NotSupported: The adapter is not plain LoRA, or has a matrix for which the base has no tensor.
        """
        self.base = StoredWeights(base)
        self._adapter = StoredWeights(adapter)
        self._folder = adapter
        self._config = _read_config(adapter)
        self._modules = self._match()

    @property
    def changed(self) -> set[str]:
        """The names of the tensors that the adapter updates."""
        return set(self._modules)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """As ``Weights.shapes``."""
        return self.base.shapes()

    def read(self, name: str) -> Tensor:
        """As ``Weights.read``.

        Raises:
            NotSupported: The update is not finite.
        """
        weight = self.base.read(name)
        if name not in self._modules:
            return weight
        update = self.update(name)
        if not torch.isfinite(update).all():
            raise NotSupported(f"{self._folder}: the merged weights are not finite; train the adapter again")
        return weight + update

    def update(self, name: str) -> Tensor:
        """What the adapter adds to a tensor."""
        a, b = (self._adapter.read(f"{self._modules[name]}.lora_{letter}.weight") for letter in "AB")
        scale = self._config["lora_alpha"] / (math.sqrt(len(a)) if self._config.get("use_rslora") else len(a))
        product: Tensor = (b @ a) * scale
        return product.T if self._config.get("fan_in_fan_out") else product

    def apply(self, model: Any) -> None:
        """Merge into a network in memory that has the base's weights, in place."""
        with torch.no_grad():
            for name, module in self._modules.items():
                model.get_parameter(f"{module.removeprefix(_PREFIX)}.weight").copy_(self.read(name))

    def _match(self) -> dict[str, str]:
        """The adapter's name of the module for each of the base's tensors that it updates."""
        found: dict[str, str] = {}
        names = self._adapter.shapes()
        ends = (".lora_A.weight", ".lora_B.weight")
        if strange := sorted(name for name in names if not name.startswith(_PREFIX) or not name.endswith(ends)):
            raise NotSupported(f"{self._folder}: is not plain LoRA: it has {strange[0]}; export it as an adapter")
        for module in sorted({name.rpartition(".lora_")[0] for name in names}):
            if any(f"{module}{end}" not in names for end in ends):
                raise NotSupported(f"{self._folder}: {module} has one of its two matrices; train the adapter again")
            found[self._tensor_of(f"{module.removeprefix(_PREFIX)}.weight")] = module
        return found

    def _tensor_of(self, path: str) -> str:
        """The base's tensor for a path in the network; some families' files leave out the path's beginning."""
        shapes = self.base.shapes()
        fitting = [name for name in shapes if path == name or path.endswith(f".{name}")]
        if len(fitting) != 1:
            raise NotSupported(f"{self._folder}: the base has no tensor {path} to add to; export it as an adapter")
        return fitting[0]


def _read_config(adapter: Path) -> dict[str, Any]:
    config = read_adapter_config(adapter)
    odd = [name for name, plain in _PLAIN.items() if config.get(name, plain) != plain]
    odd += [name for name in _UNSET if config.get(name)]
    if odd or config.get("peft_type") != "LORA":
        what = ", ".join(f"{name} {config.get(name)!r}" for name in odd) or f"type {config.get('peft_type')!r}"
        raise NotSupported(f"{adapter}: is not plain LoRA ({what}), and can't be merged; export it as an adapter")
    return config


def read_adapter_config(adapter: Path) -> dict[str, Any]:
    """PEFT's ``adapter_config.json``.

    Raises:
        NotSupported: It can't be read.
    """
    try:
        return dict(json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise NotSupported(f"{adapter / 'adapter_config.json'}: can't be read ({error})") from error


def require_change(adapter: Path, name: str) -> None:
    """Make sure that an adapter changes anything: PEFT begins with B = 0, and one that was not trained still has that.

    Raises:
        NotSupported: It changes nothing, so that what is merged would be the base under another name.
    """
    weights = StoredWeights(adapter)
    if not any(bool(weights.read(tensor).any()) for tensor in weights.shapes() if ".lora_B." in tensor):
        raise NotSupported(f"{name}: nothing would be left: the adapter changes no weight; train it first")
