"""Capitals where none belong.

Source: ``RandomUppercase`` of fmeval 1.2.3, whose definition this is.
"""

from __future__ import annotations

import numpy as np

_SHARE = 0.1


def random_upper_case(text: str, generator: np.random.Generator) -> str:
    """A tenth of all characters, rounded down, in upper case.

    Spaces, digits and capitals are drawn as well and stay what they are, so fewer than a tenth change.
    """
    drawn = set(generator.choice(len(text), int(len(text) * _SHARE), replace=False).tolist()) if text else set()
    return "".join(character.upper() if place in drawn else character for place, character in enumerate(text))
