"""The classifier on transformers: BERT-like models with a head for labels, from a folder of safetensors."""

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

from outcrop.domain.errors import NotSupported
from outcrop.domain.models import Identity
from outcrop.engines.encoder import context_of
from outcrop.engines.planning import Limits, cut
from outcrop.engines.tally import Tally
from outcrop.engines.windows import covering_windows
from outcrop.models.chat import ChatTokenizer
from outcrop.models.network import load_weights

#: As the encoder's: small batches stay in a core's cache, a graphics card wants many rows.
_CPU, _OTHER = Limits(rows=64, tokens=512), Limits(rows=512, tokens=32_768)


class Scores(StrEnum):
    """How a head's numbers become scores: each by itself, or all together as shares of 1."""

    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"


class TransformersClassifier:
    """Implements ``Classifier``; the weights are read when the first text is classified.

    A text that is longer than the model takes is read in windows that overlap by half, and each label has the highest
    score of any window: what is toxic anywhere in a text is toxic. Other tools leave off its end. ``figures`` counts
    such texts.

    Args:
        folder: A model whose engine is ``classifier``.
        name: What it is called in the catalog.
        identity: Its hashes, for signatures.
        device: ``cpu``, ``cuda``, ….
        scores: How the head's numbers become scores; None goes by the model's configuration.
        limits: How large a batch may be; None takes what is known to be fast on the device.

    Raises:
        NotSupported: The tokenizer can't be read, or the head estimates a number.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        identity: Identity,
        device: str = "cpu",
        *,
        scores: Scores | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.name = name
        self._folder = folder
        self._identity = identity
        self._device = device
        self._limits = limits or (_CPU if device == "cpu" else _OTHER)
        self._tokenizer = ChatTokenizer.load(folder)
        self._config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._scores = scores or _scores_of(self._config, len(self.labels), folder)
        self._before, self._after = self._tokenizer.frame
        self._room = self.context - len(self._before) - len(self._after)
        self._network: Any = None
        self._tally = Tally()
        self._texts = self._long_texts = 0

    @property
    def signature(self) -> str:
        """The name, the hashes of weights and tokenizer, how scores are made, and how long texts are read."""
        hashes = f"{self._identity.weights[:12]}.{self._identity.tokenizer[:12]}"
        return f"classifier:{self.name}#{hashes}|scores:{self._scores.value}|long:windows-{self.context}-highest"

    @property
    def labels(self) -> tuple[str, ...]:
        """What it tells apart, in the order of the scores."""
        named = {int(place): str(label) for place, label in (self._config.get("id2label") or {}).items()}
        # transformers writes no names where a model has none, and then has two labels.
        return tuple(named[place] for place in sorted(named)) or ("LABEL_0", "LABEL_1")

    @property
    def context(self) -> int:
        """The most tokens that are read together, special ones included."""
        return context_of(self._config, self._tokenizer)

    def classify(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The score of each label for each text, from 0 to 1: shape ``(texts, labels)``.

        Raises:
            NotSupported: The weights can't be loaded.
        """
        plain = self._tokenizer.encode_texts(texts)
        windows = [covering_windows(len(row), self._room) for row in plain]
        self._texts += len(plain)
        self._long_texts += sum(len(own) > 1 for own in windows)
        rows = [
            [*self._before, *row[window.start : window.end], *self._after]
            for row, own in zip(plain, windows, strict=True)
            for window in own
        ]
        scores = self._of_rows(rows)
        starts = np.cumsum([0, *(len(own) for own in windows)])[:-1]
        highest: NDArray[np.float64] = np.maximum.reduceat(scores, starts) if len(starts) else scores
        return highest

    def figures(self) -> dict[str, float]:
        """What was read so far: ``texts``, ``long_texts`` (longer than the model takes), ``tokens``, ``seconds``."""
        return {
            "texts": float(self._texts),
            "long_texts": float(self._long_texts),
            "tokens": float(self._tally.scored_tokens),
            "seconds": self._tally.scoring_seconds,
        }

    def _of_rows(self, rows: list[list[int]]) -> NDArray[np.float64]:
        """The scores of rows of tokens, ``(rows, labels)``."""
        scores = np.empty((len(rows), len(self.labels)))
        with self._tally.scoring():
            for batch in cut([len(row) for row in rows], self._limits):
                scores[batch] = self._of_batch([rows[place] for place in batch])
        self._tally.scored_tokens += sum(map(len, rows))
        return scores

    @torch.no_grad()
    def _of_batch(self, rows: Sequence[list[int]]) -> NDArray[np.float64]:
        network, longest = self._loaded(), max(map(len, rows))
        padding = self._tokenizer.pad_id
        tokens = torch.tensor([row + [padding] * (longest - len(row)) for row in rows], device=network.device)
        lengths = torch.tensor([len(row) for row in rows], device=network.device)
        mask = (torch.arange(longest, device=network.device)[None] < lengths[:, None]).long()
        logits: Tensor = network(input_ids=tokens, attention_mask=mask).logits.double()
        made = logits.sigmoid() if self._scores is Scores.SIGMOID else logits.softmax(dim=-1)
        scores: NDArray[np.float64] = made.cpu().numpy()
        return scores

    def _loaded(self) -> Any:
        from transformers import AutoModelForSequenceClassification

        if self._network is None:
            kind = AutoModelForSequenceClassification
            self._network = load_weights(kind, self._folder, self._device, torch.float32)
        return self._network


def _scores_of(config: dict[str, Any], n_labels: int, folder: Path) -> Scores:
    """As transformers' pipeline reads a configuration."""
    problem = config.get("problem_type")
    if problem == "regression":
        raise NotSupported(f"{folder}: the head estimates a number and tells no labels apart; name a classifier")
    if problem == "multi_label_classification" or n_labels == 1:
        return Scores.SIGMOID
    return Scores.SOFTMAX
