"""Many adapters over one base: the weights are loaded once, and each view computes as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from threading import RLock
from typing import Any

import torch
from torch import Tensor

from outcrop.domain.errors import NotFound, NotSupported
from outcrop.engines.row_adapters import plain_layers, row_adapters
from outcrop.engines.tree_attention import Stretch, runs_trees, sight, tree_hidden
from outcrop.models.network import Network
from outcrop.models.quiet import quiet_transformers

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

#: What an adapter may have that peft does not compute row by row.
_UNMIXABLE = ("use_dora", "alora_invocation_tokens", "target_parameters", "trainable_token_indices")

#: peft's name for no adapter, among those of a batch's rows.
_BASE = "__base__"


class SharedNetwork:
    """A base's network and the LoRA adapters that were put on it.

    peft replaces the network's linear layers in place; with its adapters disabled they compute exactly what the base
    computes.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._adapted: Any = None
        self._names: dict[Path, str] = {}
        self._layers: list[Any] | None = None
        self._numbers = count()
        self._active: str | None = None
        self._runs_trees: bool | None = None
        # Switching adapters and computing must not be divided between threads.
        self._lock = RLock()

    def view(self, folder: Path | None) -> View:
        """The network with an adapter, or the base; an adapter's folder is read once.

        Raises:
            NotFound: The folder holds no adapter.
            NotSupported: The adapter is of another kind than LoRA, changes the base's biases, or does not fit the base.
        """
        with self._lock:
            return View(self._network, self, None if folder is None else self._name(folder.resolve()))

    def compute(self, name: str | None, work: Any, *arguments: Any) -> Tensor:
        """Run a piece of work of the network's with an adapter active; None is the base."""
        with self._lock:
            if name != self._active:
                self._switch(name)
            result: Tensor = work(*arguments)
            return result

    def mixes(self, name: str | None) -> bool:
        """Whether ``compute_rows`` takes an adapter; the base it always takes."""
        if name is None:
            return True
        config = self._adapted.peft_config[name]
        return not any(getattr(config, part, None) for part in _UNMIXABLE)

    def runs_trees(self) -> bool:
        """Whether the network computes a tree of tokens in one row; tried out once."""
        with self._lock:
            if self._runs_trees is None:
                self._switch(None)
                self._runs_trees = runs_trees(self._network)
            return self._runs_trees

    def compute_rows(self, names: Sequence[str | None], work: Any, *arguments: Any) -> Tensor:
        """Run a piece of work on a batch whose rows have an adapter each, one at least; None is the base."""
        with self._lock:
            if self._layers is not None:
                self._switch(None)
                with row_adapters(self._layers, names, self._network.device):
                    plain: Tensor = work(*arguments)
                    return plain
            self._switch(next(name for name in names if name is not None))
            own = [_BASE if name is None else name for name in names]
            with self._adapted.base_model._enable_peft_forward_hooks(adapter_names=own):
                result: Tensor = work(*arguments)
                return result

    def _name(self, folder: Path) -> str:
        if folder not in self._names:
            # A name that failed is never used again: peft may have left half of it in the layers.
            self._names[folder] = self._load(folder, f"adapter{next(self._numbers)}")
            self._layers = plain_layers(self._adapted)
        return self._names[folder]

    def _load(self, folder: Path, name: str) -> str:
        from peft import PeftModel

        config = read_adapter(folder)
        try:
            with quiet_transformers():
                if self._adapted is None:
                    self._adapted = PeftModel(self._network.model, config, adapter_name=name).eval()
                loaded = self._adapted.load_adapter(str(folder), name, torch_device=str(self._network.device))
        except (ValueError, RuntimeError, KeyError) as error:
            raise NotSupported(f"{folder}: the adapter does not fit the base ({str(error).splitlines()[0]})") from error
        finally:
            self._switch(None)
        missing = sorted(key for key in loaded.missing_keys if f".{name}." in key)
        if missing:
            raise NotSupported(f"{folder}: tensors are missing ({', '.join(missing[:5])}); train or fetch it again")
        return name

    def _switch(self, name: str | None) -> None:
        if self._adapted is None:
            return
        if name is None:
            self._adapted.base_model.disable_adapter_layers()
        else:
            self._adapted.base_model.enable_adapter_layers()
            self._adapted.set_adapter(name)
        self._active = name


class View:
    """A shared network with one adapter, or none; computes like ``Network``."""

    def __init__(self, network: Network, shared: SharedNetwork, name: str | None) -> None:
        self._network = network
        self._shared = shared
        self._name = name

    def shares_network(self, other: View) -> bool:
        """Whether two views are of the same weights in memory."""
        return self._shared is other._shared

    @property
    def mixes(self) -> bool:
        """Whether rows of this view can lie in one batch with rows of others."""
        return self._shared.mixes(self._name)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._network.device

    @property
    def config(self) -> Any:
        """The configuration of the transformers model."""
        return self._network.model.config

    def hidden(self, tokens: Tensor, mask: Tensor | None, positions: Tensor, cache: Any = None) -> Tensor:
        """Last hidden states, ``(batch, tokens, width)``; see ``Network.hidden``."""
        return self._shared.compute(self._name, self._network.hidden, tokens, mask, positions, cache)

    def runs_trees(self, longest: int) -> bool:
        """Whether ``tree_hidden`` computes what ``hidden`` does, for texts of up to so many tokens."""
        return longest <= sight(self.config) and self._shared.runs_trees()

    def tree_hidden(self, tokens: Tensor, positions: Tensor, found: list[Stretch], cache: Any = None) -> Tensor:
        """Last hidden states of a tree in one row, ``(1, tokens, width)``; see ``tree_attention.tree_hidden``."""
        return self._shared.compute(self._name, tree_hidden, self._network, tokens, positions, found, cache)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits in float32, ``(n, width)`` to ``(n, vocabulary)``."""
        return self._shared.compute(self._name, self._network.head, hidden).float()


class RowViews(View):
    """Views of one shared network, one for each row of a batch: the rows go through the base's weights together."""

    def __init__(self, views: Sequence[View]) -> None:
        super().__init__(views[0]._network, views[0]._shared, None)
        self._names = [view._name for view in views]

    def hidden(self, tokens: Tensor, mask: Tensor | None, positions: Tensor, cache: Any = None) -> Tensor:
        """Last hidden states, ``(batch, tokens, width)``; see ``Network.hidden``."""
        return self._shared.compute_rows(self._names, self._network.hidden, tokens, mask, positions, cache)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits in float32 of one position of each row, ``(rows, width)`` to ``(rows, vocabulary)``."""
        return self._shared.compute_rows(self._names, self._network.head, hidden).float()


def view_of(views: Sequence[View]) -> View:
    """What computes rows that have these views, of one shared network."""
    return views[0] if len({view._name for view in views}) == 1 else RowViews(views)


def mix(views: Sequence[View]) -> bool:
    """Whether rows that have these views, of one shared network, can lie in one batch."""
    return len({view._name for view in views}) == 1 or all(view.mixes for view in views)


def read_adapter(folder: Path) -> Any:
    """The configuration of an adapter, as PEFT has it.

    Raises:
        NotFound: The folder holds no adapter.
        NotSupported: The adapter is of another kind than LoRA, or changes the base's biases.
    """
    from peft import PeftConfig

    for name in (_CONFIG, _WEIGHTS):
        if not (folder / name).is_file():
            raise NotFound(f"{folder} holds no adapter: {name} is missing")
    config = PeftConfig.from_pretrained(str(folder))
    kind = getattr(config.peft_type, "value", config.peft_type)
    if kind != "LORA":
        raise NotSupported(f"{folder}: an adapter of kind {kind}; only LoRA can share a base")
    if config.bias != "none":
        raise NotSupported(f"{folder}: bias={config.bias!r} changes the base's own biases; train with bias='none'")
    config.inference_mode = True
    return config


def adapted_layers(folder: Path) -> frozenset[str]:
    """The layers that an adapter changes, by the last part of their names: ``q_proj``, say."""
    from safetensors import safe_open

    with safe_open(str(folder / _WEIGHTS), framework="pt") as tensors:
        names = [name.partition(".lora_")[0] for name in tensors.keys()]  # noqa: SIM118 - no dictionary
    return frozenset(name.rpartition(".")[2] for name in names)
