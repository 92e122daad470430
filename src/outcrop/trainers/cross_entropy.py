"""Cross-entropy whose logits live only as long as a chunk of them takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from outcrop.models.network import Network

#: Positions whose logits exist at once; with 49,152 words in fp32 that is 200 MB.
_CHUNK = 1024


def summed_cross_entropy(network: Network, hidden: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in nats, summed over ``(n,)`` targets given ``(n, width)`` hidden states.

    More than a chunk's worth of logits never exists at once. Where the head is a plain matrix, its gradients are
    computed together with the loss, so that no logits are kept for the backward pass or computed twice.
    """
    weight = network.head_weight
    if weight is not None:
        if not torch.is_grad_enabled():
            # Else the gradients would be computed with the loss, for nobody.
            hidden, weight = hidden.detach(), weight.detach()
        loss: Tensor = _HeadLoss.apply(hidden, weight, targets)  # type: ignore[no-untyped-call]
        return loss
    if len(targets) <= _CHUNK:
        return _chunk_loss(network, hidden, targets)
    parts = [
        checkpoint(_chunk_loss, network, some, wanted, use_reentrant=False)
        for some, wanted in zip(torch.split(hidden, _CHUNK), torch.split(targets, _CHUNK), strict=True)
    ]
    return torch.stack(parts).sum()


class _HeadLoss(torch.autograd.Function):
    """Head and cross-entropy as one: the gradient of the logits, softmax minus one-hot, is known with the loss."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """The loss; keeps its gradients, and no logits."""
        wants_hidden, wants_weight, _ = ctx.needs_input_grad
        loss = hidden.new_zeros((), dtype=torch.float32)
        of_hidden = torch.empty_like(hidden) if wants_hidden else None
        of_weight = torch.zeros_like(weight) if wants_weight else None
        matrix = weight.to(hidden.dtype)
        for place in range(0, len(targets), _CHUNK):
            some, wanted = hidden[place : place + _CHUNK], targets[place : place + _CHUNK]
            logits = (some @ matrix.t()).float()
            loss += _loss_and_gradient(logits, wanted)
            gradient = logits.to(matrix.dtype)
            if of_hidden is not None:
                torch.mm(gradient, matrix, out=of_hidden[place : place + len(some)])
            if of_weight is not None:
                of_weight += gradient.t() @ some
        ctx.save_for_backward(of_hidden, of_weight)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """The kept gradients, times that of the loss."""
        of_hidden, of_weight = ctx.saved_tensors
        scale = gradients[0]
        return (
            None if of_hidden is None else of_hidden * scale.to(of_hidden.dtype),
            None if of_weight is None else of_weight * scale.to(of_weight.dtype),
            None,
        )


def _loss_and_gradient(logits: Tensor, targets: Tensor) -> Tensor:
    """The summed loss of logits, ``(n, vocabulary)``, which are replaced by its gradient."""
    logits.sub_(logits.amax(1, keepdim=True))
    wanted = logits.gather(1, targets[:, None])
    logits.exp_()
    sums = logits.sum(1, keepdim=True)
    loss = (sums.log() - wanted).sum()
    logits.div_(sums)
    logits.scatter_add_(1, targets[:, None], torch.full_like(wanted, -1.0))
    return loss


def _chunk_loss(network: Network, hidden: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(network.head(hidden).float(), targets, reduction="sum")
