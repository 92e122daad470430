"""The encoder on transformers: BERT-like models from a folder of safetensors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from outcrop.domain.models import Identity
from outcrop.engines.planning import Limits, cut
from outcrop.engines.tally import Tally
from outcrop.engines.windows import Window, covering_windows
from outcrop.metrics.encoding import Encoded
from outcrop.models.chat import ChatTokenizer
from outcrop.models.network import load_weights

#: Five layers of MiniLM-L6 on one core read 4,790 tokens a second in batches of 512, 4,050 in batches of 4,096, which
#: leave the core's cache. A graphics card wants many.
_CPU, _OTHER = Limits(rows=64, tokens=512), Limits(rows=512, tokens=32_768)

#: Families whose positions begin after the padding's id, which is 1 in MPNet's code: a text has room for less tokens.
_SHIFTED = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta"})


class Long(StrEnum):
    """How a text is read that is longer than the model takes.

    WINDOWS reads all of it in windows that overlap by half; TRUNCATE leaves off its end, as other tools do.
    """

    WINDOWS = "windows"
    TRUNCATE = "truncate"


class TransformersEncoder:
    """Implements ``Encoder``; the weights are read when the first text is encoded, up to the layer that is asked for.

    Args:
        folder: A model whose engine is ``encoder``.
        name: What it is called in the catalog.
        identity: Its hashes, for signatures.
        device: ``cpu``, ``cuda``, ….
        long: How a text is read that is longer than the model takes; ``figures`` counts these.
        limits: How large a batch may be; None takes what is known to be fast on the device.

    Raises:
        NotSupported: The tokenizer can't be read.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        identity: Identity,
        device: str = "cpu",
        *,
        long: Long = Long.WINDOWS,
        limits: Limits | None = None,
    ) -> None:
        self.name = name
        self._folder = folder
        self._identity = identity
        self._device = device
        self._long = long
        self._limits = limits or (_CPU if device == "cpu" else _OTHER)
        self._tokenizer = ChatTokenizer.load(folder)
        self._config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        before, after = self._tokenizer.frame
        self._before, self._after = before, after
        self._room = self.context - len(before) - len(after)
        self._networks: dict[int, Any] = {}
        self._tally = Tally()
        self._texts = self._long_texts = 0

    @property
    def signature(self) -> str:
        """The name, the hashes of weights and tokenizer, and how texts longer than the model takes are read."""
        hashes = f"{self._identity.weights[:12]}.{self._identity.tokenizer[:12]}"
        return f"encoder:{self.name}#{hashes}|long:{self._long.value}-{self.context}"

    @property
    def layers(self) -> int:
        """How many layers it has."""
        return int(self._config.get("num_hidden_layers") or self._config["n_layers"])

    @property
    def context(self) -> int:
        """The most tokens that are read together, special ones included."""
        return context_of(self._config, self._tokenizer)

    @property
    def special_ids(self) -> frozenset[int]:
        """The tokens that the tokenizer puts around a text."""
        return frozenset((*self._before, *self._after))

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, special ones included; without its end where long texts are truncated."""
        return [self._framed(row) for row in self._cut(self._plain(texts))]

    def encode(self, texts: Sequence[str], layer: int) -> list[Encoded]:
        """The tokens of each text and the vectors that a layer, from 1 to ``layers``, gives them.

        Raises:
            NotSupported: The weights can't be loaded.
        """
        plain = self._plain(texts)
        self._texts += len(plain)
        self._long_texts += sum(len(row) > self._room for row in plain)
        plain = self._cut(plain)
        windows = [covering_windows(len(row), self._room) for row in plain]
        rows = [
            self._framed(row[window.start : window.end])
            for row, own in zip(plain, windows, strict=True)
            for window in own
        ]
        found = iter(self._vectors(rows, layer))
        return [
            Encoded(np.array(self._framed(row)), self._joined([(next(found), window) for window in own], len(row)))
            for row, own in zip(plain, windows, strict=True)
        ]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Mean of the last hidden states over each text's tokens, scaled to length 1: ``(texts, width)``."""
        means = [encoded.vectors.mean(axis=0, dtype=np.float64) for encoded in self.encode(texts, self.layers)]
        return np.array([mean / np.linalg.norm(mean) for mean in means], dtype=np.float32)

    def figures(self) -> dict[str, float]:
        """``texts``, ``long_texts`` (longer than the model takes), ``scored_tokens`` and ``seconds`` so far."""
        return {
            "texts": float(self._texts),
            "long_texts": float(self._long_texts),
            "scored_tokens": float(self._tally.scored_tokens),
            "seconds": self._tally.scoring_seconds,
        }

    def _plain(self, texts: Sequence[str]) -> list[list[int]]:
        """The texts' own tokens."""
        # RoBERTa tells a word that begins a text from the same word within one, unless there is a space before it.
        lead = " " if self._config["model_type"] == "roberta" else ""
        stripped = [text.strip() for text in texts]
        return self._tokenizer.encode_texts([lead + text if text else "" for text in stripped])

    def _cut(self, plain: list[list[int]]) -> list[list[int]]:
        return [row[: self._room] for row in plain] if self._long is Long.TRUNCATE else plain

    def _framed(self, row: list[int]) -> list[int]:
        return [*self._before, *row, *self._after]

    def _joined(self, parts: list[tuple[NDArray[np.float32], Window]], tokens: int) -> NDArray[np.float32]:
        """The vectors of a text from those of its windows; the special tokens are those of the first and the last."""
        if len(parts) == 1:
            return parts[0][0]
        kept = []
        for vectors, window in parts:
            inside = len(self._before) - window.start
            first = inside + window.first if window.first else 0
            last = inside + window.last if window.last < tokens else len(vectors)
            kept.append(vectors[first:last])
        return np.concatenate(kept)

    def _vectors(self, rows: list[list[int]], layer: int) -> list[NDArray[np.float32]]:
        """What the layer gives the tokens of each row: ``(tokens, width)`` each."""
        network = self._network(layer)
        found: dict[int, NDArray[np.float32]] = {}
        with self._tally.scoring():
            for batch in cut([len(row) for row in rows], self._limits):
                states = _states(network, [rows[place] for place in batch], self._tokenizer.pad_id)
                found |= {place: state[: len(rows[place])] for place, state in zip(batch, states, strict=True)}
        self._tally.scored_tokens += sum(map(len, rows))
        return [found[place] for place in range(len(rows))]

    def _network(self, layer: int) -> Any:
        from transformers import AutoModel

        if layer not in self._networks:
            # The layers above it are not even loaded. No vector passes through the pooler.
            self._networks[layer] = load_weights(
                AutoModel, self._folder, self._device, torch.float32, spare=("pooler.",), num_hidden_layers=layer
            )
        return self._networks[layer]


def context_of(config: dict[str, Any], tokenizer: ChatTokenizer) -> int:
    """The most tokens that a BERT-like model with this ``config.json`` reads together, special ones included."""
    shift = max(1, tokenizer.pad_id) + 1 if config["model_type"] in _SHIFTED else 0
    positions = int(config.get("max_position_embeddings") or tokenizer.context + shift)
    return min(tokenizer.context, positions - shift)


@torch.no_grad()
def _states(network: Any, rows: Sequence[list[int]], pad: int) -> NDArray[np.float32]:
    """Last hidden states of a batch, ``(rows, longest, width)``; those of the padding mean nothing."""
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [pad] * (longest - len(row)) for row in rows], device=network.device)
    lengths = torch.tensor([len(row) for row in rows], device=network.device)
    mask = (torch.arange(longest, device=network.device)[None] < lengths[:, None]).long()
    states: Tensor = network(input_ids=tokens, attention_mask=None if mask.all() else mask).last_hidden_state
    vectors: NDArray[np.float32] = states.float().cpu().numpy()
    return vectors
