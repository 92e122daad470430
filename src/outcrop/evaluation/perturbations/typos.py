"""Typing errors: a letter gives way to one of a key that touches its own."""

from __future__ import annotations

import math

import numpy as np

#: Share of letters that are mistyped, as in fmeval.
_PROBABILITY = 0.1

#: The letters of a keyboard in the QWERTY layout, each row with how far it is shifted to the right, in keys.
_ROWS = (("qwertyuiop", 0.0), ("asdfghjkl", 0.25), ("zxcvbnm", 0.75))

_PLACES = {
    letter: (column + shift, row) for row, (letters, shift) in enumerate(_ROWS) for column, letter in enumerate(letters)
}

#: Keys farther apart than this, from middle to middle, do not touch: the next but one is 1.6 away, or more.
_TOUCHING = 1.3

NEIGHBOURS = {
    letter: "".join(
        other for other in _PLACES if other != letter and math.dist(_PLACES[letter], _PLACES[other]) < _TOUCHING
    )
    for letter in _PLACES
}


def typos(text: str, generator: np.random.Generator) -> str:
    """Each letter from a to z becomes, with a probability of 0.1, that of a touching key; its case is kept."""
    drawn = generator.random((2, len(text)))
    return "".join(
        _beside(character, where) if chance < _PROBABILITY else character
        for character, chance, where in zip(text, *drawn.tolist(), strict=True)
    )


def _beside(character: str, where: float) -> str:
    """A neighbour of a letter, ``where`` from 0 to 1 saying which; another character as it is."""
    if not (character.isascii() and character.isalpha()):
        return character
    near = NEIGHBOURS[character.lower()]
    chosen = near[int(where * len(near))]
    return chosen.upper() if character.isupper() else chosen
