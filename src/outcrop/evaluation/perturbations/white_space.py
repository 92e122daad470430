"""Spaces too many and too few.

Source: ``AddRemoveWhitespace`` of fmeval 1.2.3, whose definition this is.
"""

from __future__ import annotations

import numpy as np

_ADD, _REMOVE = 0.05, 0.1


def white_space(text: str, generator: np.random.Generator) -> str:
    """White space goes with a probability of 0.1; after any other character a space comes with one of 0.05."""
    chances = generator.random(len(text)).tolist()
    return "".join(_spaced(character, chance) for character, chance in zip(text, chances, strict=True))


def _spaced(character: str, chance: float) -> str:
    if character.isspace():
        return "" if chance < _REMOVE else character
    return f"{character} " if chance < _ADD else character
