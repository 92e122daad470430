"""A linear layer with LoRA matrices as one operation: what is added to its output and its gradient is added in place.

PEFT computes ``x W' + s · (x A') B'`` as three products, a multiplication and a sum, each with an intermediate as large
as the output. Here the rank-sized product carries the scale, and the second product adds to the first in place, in the
backward pass too. The values are the same but for rounding.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


def fuse(model: nn.Module) -> int:
    """Let PEFT's LoRA layers compute as one operation; how many do.

    A layer stays as PEFT made it where it has dropout, a bias of its own kind, more than one adapter, or another base
    than a plain linear layer.
    """
    from peft.tuners.lora import Linear

    layers = [layer for layer in model.modules() if isinstance(layer, Linear) and _is_plain(layer)]
    for layer in layers:
        name = layer.active_adapters[0]
        layer.forward = partial(
            _forward,
            layer.base_layer,
            layer.lora_A[name],
            layer.lora_B[name],
            float(layer.scaling[name]),
        )
    return len(layers)


def _is_plain(layer: Any) -> bool:
    names = layer.active_adapters
    return (
        len(names) == 1
        and type(layer.base_layer) is nn.Linear
        and not layer.use_dora.get(names[0], False)
        and type(layer.lora_dropout[names[0]]) is nn.Identity
        and layer.lora_A[names[0]].bias is None
        and layer.lora_B[names[0]].bias is None
    )


def _forward(base: nn.Linear, down: nn.Linear, up: nn.Linear, scale: float, inputs: Tensor) -> Tensor:
    out: Tensor = _LoraLinear.apply(inputs, base.weight, base.bias, down.weight, up.weight, scale)  # type: ignore[no-untyped-call]
    return out


class _LoraLinear(torch.autograd.Function):
    """``x W' + b + s · (x A') B'``, with gradients for ``x``, ``A`` and ``B``; ``W`` and ``b`` are frozen."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
    ) -> Tensor:
        """Outputs, ``(…, out)`` from inputs ``(…, in)``."""
        rows = inputs.reshape(-1, inputs.shape[-1])
        small = rows @ down.to(rows.dtype).t()
        out = rows @ weight.t() if bias is None else torch.addmm(bias, rows, weight.t())
        out.addmm_(small, up.to(rows.dtype).t(), alpha=scale)
        ctx.save_for_backward(rows, weight, down, up, small)
        ctx.scale = scale
        ctx.shape = inputs.shape
        return out.view(*inputs.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        """Gradients of inputs and LoRA matrices."""
        rows, weight, down, up, small = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1])
        of_small = (gradient @ up.to(rows.dtype)).mul_(ctx.scale)
        of_inputs = None
        if ctx.needs_input_grad[0]:
            of_inputs = (gradient @ weight).addmm_(of_small, down.to(rows.dtype)).view(ctx.shape)
        of_down = (of_small.t() @ rows).to(down.dtype)
        of_up = (gradient.t() @ small).to(up.dtype).mul_(ctx.scale)
        return of_inputs, None, None, of_down, of_up, None
