"""Supervised training: cross-entropy on the tokens that carry loss, logits only where they are needed.

It serves instruction fine-tuning, where completions carry loss, and continued pre-training, where all tokens do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from outcrop.models.network import Network
from outcrop.trainers.batching import TOKEN_BUDGET, epoch_order, packed_batches, padded_batches
from outcrop.trainers.cross_entropy import summed_cross_entropy
from outcrop.trainers.protocol import Loss
from outcrop.trainers.world import ALONE, World


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


class Subset:
    """Some of the records, under new numbers."""

    def __init__(self, records: TokenizedRecords, numbers: NDArray[np.int64]) -> None:
        self._records = records
        self._numbers = numbers
        self.lengths: NDArray[np.int64] = records.lengths[numbers]

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """See ``TokenizedRecords``."""
        return self._records[int(self._numbers[number])]


def hold_out(records: TokenizedRecords, percentage: float, seed: int) -> tuple[Subset, Subset]:
    """Training records and held-out ones, which are drawn at random; at least one of each.

    Args:
        records: Two or more.
        percentage: Share of the records that is held out, over 0 and under 100.
        seed: Decides which.
    """
    count = min(max(1, round(len(records) * percentage / 100)), len(records) - 1)
    shuffled = np.random.default_rng([seed, 1]).permutation(len(records))
    return Subset(records, np.sort(shuffled[count:])), Subset(records, np.sort(shuffled[:count]))


@dataclass(frozen=True)
class SupervisedBatch:
    """A micro-batch.

    Attributes:
        tokens: Ids: packed, ``(1, tokens)``; else padded on the right, where causal attention never looks,
            ``(batch, tokens)``.
        lengths: Tokens of each record.
        packed: Whether the records lie end to end in one row.
        places: Flat positions in ``tokens`` whose next token carries loss, ``(n,)``.
        targets: Those next tokens, ``(n,)``.
    """

    tokens: Tensor
    lengths: tuple[int, ...]
    packed: bool
    places: Tensor
    targets: Tensor


class SupervisedTrainer:
    """Learns the tokens of records that carry loss; see ``Trainer``.

    Args:
        records: What to learn.
        validation: Held-out records; None for none.
        epochs: Passes over the records.
        batch_size: Records per optimiser step.
        seed: Decides the order of records.
        device: Where the network is.
        packed: Whether the network's attention keeps to the records of a row; see ``trainers.packing``.
        compute: The format of numbers in the body, where it is not that of the weights.
        world: The processes that share each step.
    """

    def __init__(
        self,
        records: TokenizedRecords,
        validation: TokenizedRecords | None,
        *,
        epochs: int,
        batch_size: int,
        seed: int,
        device: torch.device,
        packed: bool = False,
        compute: torch.dtype = torch.float32,
        world: World = ALONE,
    ) -> None:
        self._records = records
        self._validation = validation
        self._epochs = epochs
        self._batch_size = batch_size
        self._seed = seed
        self._device = device
        self._packed = packed
        self._compute = compute
        self._world = world

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one pass over the records."""
        return -(-len(self._records) // self._batch_size)

    def batches(self, network: Network, step: int) -> Iterator[list[SupervisedBatch]]:
        """See ``Trainer.batches``: the order follows from seed and epoch alone; each process has its share."""
        lengths = self._records.lengths
        for epoch in range(step // self.steps_per_epoch, self._epochs):
            order = epoch_order(lengths, self._batch_size, seed=self._seed, epoch=epoch)
            for numbers in order[max(0, step - epoch * self.steps_per_epoch) :]:
                yield [self._collate(self._records, part) for part in self._share(numbers, lengths)]

    def loss(self, network: Network, batch: SupervisedBatch) -> Loss:
        """See ``Trainer.loss``: nats summed over the tokens that carry loss."""
        hidden = self._hidden(network, batch).flatten(0, 1).index_select(0, batch.places)
        figures = {
            "tokens": float(sum(batch.lengths)),
            "computed_tokens": float(batch.tokens.numel()),
            "records": float(len(batch.lengths)),
        }
        return Loss(summed_cross_entropy(network, hidden, batch.targets), float(len(batch.targets)), figures)

    def validation_loss(self, network: Network) -> float | None:
        """See ``Trainer.validation_loss``."""
        if self._validation is None:
            return None
        total, weight = 0.0, 0.0
        for part in self._share(range(len(self._validation)), self._validation.lengths):
            loss = self.loss(network, self._collate(self._validation, part))
            total += float(loss.sum)
            weight += loss.weight
        total, weight = self._world.add([total, weight])
        return total / weight

    def state_dict(self) -> dict[str, Any]:
        """See ``Trainer.state_dict``: the step says it all."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``Trainer.load_state_dict``."""

    def _share(self, numbers: Sequence[int] | NDArray[np.int64], lengths: NDArray[np.int64]) -> list[list[int]]:
        """This process's micro-batches of some records."""
        if self._packed:
            parts = packed_batches(numbers, lengths, TOKEN_BUDGET, shares=self._world.size)
        else:
            parts = padded_batches(numbers, lengths, TOKEN_BUDGET)
        return parts[self._world.rank :: self._world.size]

    def _collate(self, records: TokenizedRecords, numbers: Sequence[int]) -> SupervisedBatch:
        return collate(records, numbers, self._device, packed=self._packed)

    def _hidden(self, network: Network, batch: SupervisedBatch) -> Tensor:
        mixed = self._compute is not torch.float32
        with torch.autocast(self._device.type, dtype=self._compute if mixed else None, enabled=mixed):
            if batch.packed:
                return network.packed_hidden(batch.tokens, batch.lengths)
            positions = torch.arange(batch.tokens.shape[1], device=self._device).expand_as(batch.tokens)
            return network.hidden(batch.tokens, None, positions)


def collate(
    records: TokenizedRecords, numbers: Sequence[int], device: torch.device, *, packed: bool = False
) -> SupervisedBatch:
    """Records as one micro-batch."""
    rows = [records[number] for number in numbers]
    lengths = [len(ids) for ids, _ in rows]
    # A packed row is as wide as all its records, a padded one as its longest.
    starts = np.cumsum([0, *lengths[:-1]]) if packed else np.arange(len(rows)) * max(lengths)
    size = sum(lengths) if packed else len(rows) * max(lengths)
    tokens = np.zeros(size, dtype=np.int64)
    carries = np.zeros(size, dtype=bool)
    for start, (ids, loss) in zip(starts, rows, strict=True):
        tokens[start : start + len(ids)] = ids
        # The first token of a record has nothing before it that could predict it.
        carries[start + 1 : start + len(ids)] = loss[1:]
    targets = np.flatnonzero(carries)
    return SupervisedBatch(
        torch.from_numpy(tokens.reshape(1 if packed else len(rows), -1)).to(device),
        tuple(lengths),
        packed,
        torch.from_numpy(targets - 1).to(device),
        torch.from_numpy(tokens[targets]).to(device),
    )
