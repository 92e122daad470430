"""The processes that train one model together, as torchrun starts them: each takes a share of every step.

Gradients and figures are added up over the processes and divided once by the tokens of all, so that unequal shares
count as they should. Started alone, a process is its own world, and nothing of torch.distributed is touched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: Numbers that travel together.
_BUCKET = 1 << 24


@dataclass(frozen=True)
class World:
    """Which of how many processes this one is."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank == 0

    def device(self, chosen: str) -> str:
        """Where this process computes: each process of a machine has a GPU of its own."""
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if self.size > 1 and chosen == "cuda" else chosen

    def add_tensors(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes."""
        if self.size == 1:
            return
        bucket: list[Tensor] = []
        for tensor in tensors:
            bucket.append(tensor)
            if sum(each.numel() for each in bucket) >= _BUCKET:
                _add_bucket(bucket)
                bucket = []
        _add_bucket(bucket)

    def add(self, numbers: Sequence[float]) -> list[float]:
        """Sums over the processes."""
        if self.size == 1:
            return list(numbers)
        values = torch.tensor(list(numbers), dtype=torch.float64, device=_device())
        torch.distributed.all_reduce(values)
        return [float(value) for value in values]

    def lead(self, work: Callable[[], None]) -> None:
        """Let the leading process do something, and the others wait for it.

        Raises:
            LeaderEnded: In the others, where the work raised. What it raised, in the leader.
        """
        failed: BaseException | None = None
        if self.leads:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - whatever it is, the others must hear of it
                failed = error
        others_failed = self.size > 1 and self.add([0.0 if failed is None else 1.0])[0] > 0
        if failed is not None:
            raise failed
        if others_failed:
            raise LeaderEnded


class LeaderEnded(Exception):
    """The leading process has ended the training."""


ALONE = World()


def world_from_environment() -> World:
    """The world that torchrun's variables (``RANK``, ``WORLD_SIZE``, …) describe, joined; ``ALONE`` without them."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return World(torch.distributed.get_rank(), size)


def _add_bucket(bucket: list[Tensor]) -> None:
    if not bucket:
        return
    flat = torch.cat([tensor.flatten() for tensor in bucket])
    torch.distributed.all_reduce(flat)
    parts = torch.split(flat, [tensor.numel() for tensor in bucket])
    for tensor, part in zip(bucket, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


def _device() -> str:
    return "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
