"""No capitals at all, as many people type."""

from __future__ import annotations

import numpy as np


def lower_case(text: str, _generator: np.random.Generator) -> str:
    """The text in lower case."""
    return text.lower()
