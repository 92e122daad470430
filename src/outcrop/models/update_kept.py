"""What rounding leaves of a model's training.

The weights of a base often lie on the grid of the type that they are rounded to. Then an update that is small against
a step of the grid is rounded away again, and the export is the base under another name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from outcrop.domain.errors import NotSupported
from outcrop.domain.exports import TensorKept, UpdateKept
from outcrop.models.reading import Weights

#: Below this share an export is refused: most of what it says it has is not there.
SMALLEST_SHARE = 0.5


def measure_update(
    base: Weights, custom: Weights, rounded: Callable[[str, Tensor], Tensor], names: Iterable[str]
) -> UpdateKept:
    """What is left of custom − base once both are rounded; see ``UpdateKept``.

    Args:
        base: What the custom model was made from.
        custom: With the same names and shapes.
        rounded: The values that are left of a tensor, by its name.
        names: The tensors to look at; those that do not differ are passed over.

    Raises:
        NotSupported: No tensor differs, so there is no update.
    """
    tensors, sums = [], torch.zeros(3, dtype=torch.float64)
    for name in sorted(names):
        before, after = base.read(name), custom.read(name)
        update = (after - before).double().flatten()
        if not update.any():
            continue
        left = (rounded(name, after) - rounded(name, before)).double().flatten()
        products = torch.stack([left @ update, update @ update, left @ left])
        tensors.append(TensorKept(name, *_figures(products)))
        sums += products
    if not tensors:
        raise NotSupported("the custom model's weights are those of its base: there is no update to export")
    return UpdateKept(*_figures(sums), tuple(tensors))


def require_update(kept: UpdateKept, name: str, number_type: str) -> None:
    """Make sure that an export has what the model was trained to.

    Raises:
        NotSupported: Rounding leaves less than ``SMALLEST_SHARE`` of the update.
    """
    # Not-a-number compares as false.
    if not kept.share >= SMALLEST_SHARE:
        raise NotSupported(
            f"{name}: nothing would be left: rounded to {number_type}, {kept.share:.1%} of its update is kept (least "
            f"that is exported: {SMALLEST_SHARE:.0%}); choose a finer type, or export the adapter"
        )


def _figures(products: Tensor) -> tuple[float, float]:
    along, whole, left = products.tolist()
    return along / math.sqrt(whole * left) if left else 0.0, along / whole
