"""Typing errors as fmeval makes them, to compare with its numbers; ``typos`` is the better likeness.

Source: ``ButterFinger`` of fmeval 1.2.3, after the transformation of that name in NL-Augmenter.
"""

from __future__ import annotations

import numpy as np

_PROBABILITY = 0.1

#: fmeval's table. Each key is among its own neighbours, and many that are do not touch it ("e" and "z").
_NEAR = dict(
    entry.split(":", 1)
    for entry in [
        "q:qwasedzx",
        "w:wqesadrfcx",
        "e:ewrsfdqazxcvgt",
        "r:retdgfwsxcvgt",
        "t:tryfhgedcvbnju",
        "y:ytugjhrfvbnji",
        "u:uyihkjtgbnmlo",
        "i:iuojlkyhnmlp",
        "o:oipklujm",
        "p:plo['ik",
        "a:aqszwxwdce",
        "s:swxadrfv",
        "d:decsfaqgbv",
        "f:fdgrvwsxyhn",
        "g:gtbfhedcyjn",
        "h:hyngjfrvkim",
        "j:jhknugtblom",
        "k:kjlinyhn",
        "l:lokmpujn",
        "z:zaxsvde",
        "x:xzcsdbvfrewq",
        "c:cxvdfzswergb",
        "v:vcfbgxdertyn",
        "b:bvnghcftyun",
        "n:nbmhjvgtuik",
        "m:mnkjloik",
    ]
) | {" ": " "}


def butter_finger(text: str, generator: np.random.Generator) -> str:
    """Each letter, with a probability of 0.1, becomes one that fmeval calls near, which may be itself.

    A character whose lower case is another one comes back in upper case, whatever it was.
    """
    return "".join(_typed(character, generator) for character in text)


def _typed(character: str, generator: np.random.Generator) -> str:
    small = character.lower()
    typed = small
    if small in _NEAR and generator.random() <= _PROBABILITY:
        typed = str(generator.choice(list(_NEAR[small])))
    return typed.upper() if small != character else typed
