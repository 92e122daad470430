"""The words that ROUGE counts."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from string import ascii_lowercase, digits

from outcrop.metrics.porter import stem

_VOCABULARY = 1 << 16
#: How many texts' tokens are kept, and up to how many characters: some tens of MB at the most.
_TEXTS, _SHORT = 1 << 14, 1000
_WORD_BYTES = (ascii_lowercase + digits).encode()
#: Leaves a-z and 0-9 as they are and makes every other byte a space.
_WORDS_ONLY = bytes(byte if byte in _WORD_BYTES else 0x20 for byte in range(256))


def tokeniser(*, stemmed: bool) -> Callable[[str], tuple[str, ...]]:
    """ROUGE's tokeniser: lower case, runs of a-z and 0-9, Porter stems of words of more than three letters.

    Everything else separates words, so accents cut words in pieces and text in other scripts has none.

    Args:
        stemmed: Whether words are stemmed.

    Returns:
        A function from a text to its tokens, in order.
    """
    fresh, kept = (_stems, _kept_stems) if stemmed else (_words, _kept_words)
    return lambda text: kept(text) if len(text) <= _SHORT else fresh(text)


def _words(text: str) -> tuple[str, ...]:
    # A table of bytes does in half the time what the regular expression [a-z0-9]+ does.
    return tuple(text.lower().encode("ascii", "replace").translate(_WORDS_ONLY).decode("ascii").split())


def _stems(text: str) -> tuple[str, ...]:
    return tuple(map(_KNOWN.__getitem__, _words(text)))


# Several metrics read the same texts, and several models answer to the same references.
_kept_words = lru_cache(maxsize=_TEXTS)(_words)
_kept_stems = lru_cache(maxsize=_TEXTS)(_stems)


class _Stems(dict[str, str]):
    """What words are reduced to, each worked out when it is first asked for."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _VOCABULARY:
            self.clear()
        self[word] = reduced = stem(word) if len(word) > 3 else word
        return reduced


#: Texts repeat their words, whatever metric reads them, and stemming one costs some thirty times a look-up.
_KNOWN = _Stems()
