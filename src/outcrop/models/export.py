"""Weights on their way out: measured before they are written, and compared with the model afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from outcrop.domain.errors import NotSupported
from outcrop.domain.exports import Agreement, UpdateKept
from outcrop.domain.units import size
from outcrop.models.agreement import beside, compare, probe, require_agreement
from outcrop.models.chat import ChatTokenizer
from outcrop.models.gguf_export import GgufExport
from outcrop.models.merging import MergedWeights, require_change
from outcrop.models.network import Network, load_network
from outcrop.models.reading import StoredWeights
from outcrop.models.update_kept import measure_update, require_update
from outcrop.models.weights import tensor_entries
from outcrop.models.writing import rounded, write_safetensors

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class WrittenWeights:
    """What was measured of weights that were written; see ``domain.exports.Export``."""

    kept: UpdateKept | None
    agreement: Agreement | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class WeightsExport:
    """The weights of a model, to be written as one file.

    Attributes:
        name, licence: The model's.
        whole: The folder with configuration and tokenizer: the model's own, or for an adapter its base's.
        base: The base's folder, where there is one to compare with.
        adapter: The adapter's folder; None for a model with whole weights.
        number_type: One of ``domain.exports.NUMBER_TYPES``.
    """

    name: str
    licence: str
    whole: Path
    base: Path | None
    adapter: Path | None
    number_type: str

    def write(self, file: Path, say: Callable[[str], None]) -> WrittenWeights:
        """Write ``file``, a ``.gguf`` or a ``.safetensors`` with its configuration and tokenizer beside it.

        Memory: one tensor at a time to write; all weights in float32, once, to compare. Where that is more than is
        free, whole weights are not compared, and a warning says so; a merged model is refused.

        Raises:
            NotSupported: The form has no place for the model, or too little of the update would be left, or what was
                written does not compute what the model computes, or there is no memory to find out for a merged one.
        """
        weights = self._weights()
        tokenizer = ChatTokenizer.load(self.whole)
        # Float32, and a quarter more for what is read in pieces.
        need, free = 5 * sum(entry.size for entry in tensor_entries(self.whole)), psutil.virtual_memory().available
        if self.adapter is not None and need > free:
            raise NotSupported(
                f"{self.name}: to compare merged weights with the adapter takes {size(need)} of memory, and "
                f"{size(free)} are free; export it on a larger machine, or as an adapter"
            )
        gguf = GgufExport(self.whole, self.number_type) if file.suffix == ".gguf" else None
        kept = self._update_kept(weights, gguf, say)
        say(f"writing {file.name}")
        if gguf is not None:
            gguf.write(weights, file, name=self.name, licence=self.licence)
        else:
            write_safetensors(weights, file, self.number_type)
        warnings = gguf.warnings() if gguf else ()
        if need > free:
            words = f"it was not compared with the original, which takes {size(need)} of memory"
            return WrittenWeights(kept, None, (*warnings, words))
        say("comparing it with what it was made from")
        return WrittenWeights(kept, self._agreement(weights, tokenizer, gguf, file), warnings)

    def _weights(self) -> MergedWeights | StoredWeights:
        if self.adapter is None:
            return StoredWeights(self.whole)
        require_change(self.adapter, self.name)
        return MergedWeights(self.whole, self.adapter)

    def _update_kept(
        self, weights: MergedWeights | StoredWeights, gguf: GgufExport | None, say: Callable[[str], None]
    ) -> UpdateKept | None:
        if self.base is None or self.number_type == "fp32":
            return None
        base = StoredWeights(self.base)
        if base.shapes() != weights.shapes():
            return None
        say("measuring what rounding leaves of the update")

        def left(name: str, tensor: Tensor) -> Tensor:
            return gguf.rounded(name, tensor) if gguf else rounded(tensor, self.number_type)

        names = weights.changed if isinstance(weights, MergedWeights) else weights.shapes()
        kept = measure_update(base, weights, left, names)
        require_update(kept, self.name, self.number_type)
        return kept

    def _agreement(
        self, weights: MergedWeights | StoredWeights, tokenizer: ChatTokenizer, gguf: GgufExport | None, file: Path
    ) -> Agreement:
        # One copy of the weights at a time: each is gone before the next is read.
        want = probe(self._network(), tokenizer)
        if isinstance(weights, MergedWeights) and self.number_type != "fp32":
            # Rounding would hide a merge that is only a little wrong.
            merged = load_network(self.whole)
            weights.apply(merged.model)
            require_agreement(compare(want, probe(merged, tokenizer)), self.name, "fp32")
            del merged
        if gguf is None:
            got = probe(load_network(file.parent), tokenizer)
        else:
            network = load_network(self.whole)
            gguf.fill(network.model, file)
            got = probe(network, tokenizer)
        found = compare(want, got)
        require_agreement(found, self.name, self.number_type)
        return found

    def _network(self) -> Network:
        network = load_network(self.whole)
        return network if self.adapter is None else beside(network, self.adapter)
