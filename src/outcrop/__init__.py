"""Outcrop: customise open models with your own data, and measure whether they got better.

``Outcrop`` is the Python API; it is loaded when first used, so that ``import outcrop`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outcrop.app import Outcrop

__version__ = "0.1.0"
__all__ = ["Outcrop", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Outcrop":
        from outcrop.app import Outcrop

        return Outcrop
    raise AttributeError(f"module 'outcrop' has no attribute {name!r}")
