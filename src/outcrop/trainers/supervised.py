"""Supervised fine-tuning: cross-entropy on the tokens that carry loss, logits only where they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from outcrop.models.network import Network
from outcrop.trainers.batching import TOKEN_BUDGET, epoch_order, micro_batches
from outcrop.trainers.protocol import Loss

#: Positions whose logits exist at once; with 49,152 words in fp32 that is 200 MB.
_HEAD_CHUNK = 1024


class TokenizedRecords(Protocol):
    """Records as tokens, such as ``data.tokenized.TokenizedDataset``."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each record, ``(records,)``."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Tokens of a record, and for each whether it carries loss."""
        ...


@dataclass(frozen=True)
class SupervisedBatch:
    """A micro-batch, padded on the right, where causal attention never looks.

    Attributes:
        tokens: Ids, ``(batch, tokens)``.
        places: Flat positions in ``tokens`` whose next token carries loss, ``(n,)``.
        targets: Those next tokens, ``(n,)``.
        real: How many of ``tokens`` are not padding.
    """

    tokens: Tensor
    places: Tensor
    targets: Tensor
    real: int


class SupervisedTrainer:
    """Learns the completions of records; see ``Trainer``."""

    def __init__(
        self,
        records: TokenizedRecords,
        validation: TokenizedRecords | None,
        *,
        epochs: int,
        batch_size: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self._records = records
        self._validation = validation
        self._epochs = epochs
        self._batch_size = batch_size
        self._seed = seed
        self._device = device

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one pass over the records."""
        return -(-len(self._records) // self._batch_size)

    def batches(self, network: Network, step: int) -> Iterator[list[SupervisedBatch]]:
        """See ``Trainer.batches``: the order follows from seed and epoch alone."""
        lengths = self._records.lengths
        for epoch in range(step // self.steps_per_epoch, self._epochs):
            order = epoch_order(lengths, self._batch_size, seed=self._seed, epoch=epoch)
            for records in order[max(0, step - epoch * self.steps_per_epoch) :]:
                parts = micro_batches(records, lengths, TOKEN_BUDGET)
                yield [collate(self._records, part, self._device) for part in parts]

    def loss(self, network: Network, batch: SupervisedBatch) -> Loss:
        """See ``Trainer.loss``: nats summed over the tokens that carry loss."""
        positions = torch.arange(batch.tokens.shape[1], device=self._device).expand_as(batch.tokens)
        hidden = network.hidden(batch.tokens, None, positions).flatten(0, 1).index_select(0, batch.places)
        figures = {
            "tokens": float(batch.real),
            "computed_tokens": float(batch.tokens.numel()),
            "records": float(len(batch.tokens)),
        }
        return Loss(summed_cross_entropy(network, hidden, batch.targets), float(len(batch.targets)), figures)

    def validation_loss(self, network: Network) -> float | None:
        """See ``Trainer.validation_loss``."""
        if self._validation is None:
            return None
        total, weight = 0.0, 0.0
        everything = range(len(self._validation))
        for part in micro_batches(everything, self._validation.lengths, TOKEN_BUDGET):
            loss = self.loss(network, collate(self._validation, part, self._device))
            total += float(loss.sum)
            weight += loss.weight
        return total / weight

    def state_dict(self) -> dict[str, Any]:
        """See ``Trainer.state_dict``: the step says it all."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``Trainer.load_state_dict``."""


def collate(records: TokenizedRecords, numbers: Sequence[int], device: torch.device) -> SupervisedBatch:
    """Records as one padded micro-batch."""
    longest = max(int(records.lengths[number]) for number in numbers)
    tokens = np.zeros((len(numbers), longest), dtype=np.int64)
    carries = np.zeros((len(numbers), longest), dtype=bool)
    for row, number in enumerate(numbers):
        ids, loss = records[number]
        tokens[row, : len(ids)] = ids
        carries[row, : len(ids)] = loss
    # The hidden state at a position predicts the token after it; a first token has nothing before it.
    rows, columns = np.nonzero(carries[:, 1:])
    return SupervisedBatch(
        torch.from_numpy(tokens).to(device),
        torch.from_numpy(rows * longest + columns).to(device),
        torch.from_numpy(tokens[rows, columns + 1]).to(device),
        sum(int(records.lengths[number]) for number in numbers),
    )


def summed_cross_entropy(network: Network, hidden: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in nats, summed over ``(n,)`` targets given ``(n, width)`` hidden states.

    More than a chunk's worth of logits never exists at once: chunks are computed again in the backward pass.
    """
    if len(targets) <= _HEAD_CHUNK:
        return _chunk_loss(network, hidden, targets)
    parts = [
        checkpoint(_chunk_loss, network, some, wanted, use_reentrant=False)
        for some, wanted in zip(torch.split(hidden, _HEAD_CHUNK), torch.split(targets, _HEAD_CHUNK), strict=True)
    ]
    return torch.stack(parts).sum()


def _chunk_loss(network: Network, hidden: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(network.head(hidden).float(), targets, reduction="sum")
