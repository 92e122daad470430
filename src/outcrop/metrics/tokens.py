"""The words that ROUGE counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from outcrop.metrics.porter import stem

_WORD = re.compile(r"[a-z0-9]+")
_VOCABULARY = 1 << 16


def tokeniser(*, stemmed: bool) -> Callable[[str], list[str]]:
    """Make ROUGE's tokeniser: lower case, runs of a-z and 0-9, Porter stems of words of more than three letters.

    Everything else separates words, so accents cut words in pieces and text in other scripts has none.

    Args:
        stemmed: Whether words are stemmed.

    Returns:
        A function from a text to its tokens, in order. It keeps the stems of the words it met, so one is made for a
        dataset rather than for a text.
    """
    # A text repeats its words, and stemming one costs about fifty times a look-up.
    stem_of = lru_cache(maxsize=_VOCABULARY)(stem)

    def tokens(text: str) -> list[str]:
        words = _WORD.findall(text.lower())
        return [stem_of(word) if len(word) > 3 else word for word in words] if stemmed else words

    return tokens
