"""Porter's suffix stripping, with the changes that NLTK makes to it and that rouge-score therefore uses.

Source: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980. The changes are those of NLTK's default
mode: a few irregular forms, words of one or two letters left alone, ``-ies`` and ``-ied`` in words of four letters,
``y`` to ``i`` after any consonant but the first letter, ``-bli``, ``-fulli`` and ``-logi`` in step 2.
"""

from __future__ import annotations

from typing import NamedTuple

_IRREGULAR = {
    "sky": "sky",
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "news": "news",
    "inning": "inning",
    "innings": "inning",
    "outing": "outing",
    "outings": "outing",
    "canning": "canning",
    "cannings": "canning",
    "howe": "howe",
    "proceed": "proceed",
    "exceed": "exceed",
    "succeed": "succeed",
}


class _Rules(NamedTuple):
    """What endings become, the first that fits; ``endings`` are those of ``pairs``, to be tried all at once."""

    pairs: tuple[tuple[str, str], ...]
    endings: tuple[str, ...]


def _rules(*pairs: tuple[str, str]) -> _Rules:
    return _Rules(pairs, tuple(ending for ending, _ in pairs))


_STEP_1A = _rules(("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", ""))
_STEP_2 = _rules(
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
)
_STEP_3 = _rules(
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
)
_STEP_4 = _rules(
    *((ending, "") for ending in ("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment")),
    *((ending, "") for ending in ("ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize")),
)


#: Every ending that a step looks for; a word without any of them is its own stem.
_ENDINGS = (
    *("ed", "ing", "y", "logi", "e", "ll"),
    *(ending for rules in (_STEP_1A, _STEP_2, _STEP_3, _STEP_4) for ending in rules.endings),
)


def stem(word: str) -> str:
    """The stem of an English word.

    Args:
        word: One word; letters outside a-z count as consonants.

    Returns:
        The stem in lower case, equal to ``nltk.stem.porter.PorterStemmer().stem(word)``; often no English word itself
        (``happy`` gives ``happi``). Never raises.
    """
    word = word.lower()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2 or not word.endswith(_ENDINGS):
        return word
    for step in (_step_1a, _step_1b, _step_1c, _step_2, _step_3, _step_4, _step_5a, _step_5b):
        word = step(word)
    return word


def _shape(word: str) -> str:
    """The word with ``c`` for each consonant and ``v`` for each vowel; a ``y`` after a consonant is a vowel."""
    shape = ""
    for letter in word:
        is_vowel = letter in "aeiou" or (letter == "y" and shape.endswith("c"))
        shape += "v" if is_vowel else "c"
    return shape


def _measure(word: str) -> int:
    """Porter's m: how often vowels are followed by consonants."""
    return _shape(word).count("vc")


def _ends_short(word: str) -> bool:
    """Porter's ``*o``: consonant, vowel, consonant other than w, x, y; or all of a word of vowel and consonant."""
    shape = _shape(word)
    return shape == "vc" or (shape.endswith("cvc") and word[-1] not in "wxy")


def _ends_double(word: str) -> bool:
    """Porter's ``*d``: the same consonant twice."""
    return len(word) >= 2 and word[-1] == word[-2] and _shape(word).endswith("c")


def _replaced(word: str, rules: _Rules, more_than: int) -> str:
    """Apply the first rule whose suffix fits, if what is left measures ``more_than`` that; no later rule is tried."""
    if not word.endswith(rules.endings):
        return word
    suffix, replacement = next(pair for pair in rules.pairs if word.endswith(pair[0]))
    rest = word.removesuffix(suffix)
    return rest + replacement if _measure(rest) > more_than else word


def _step_1a(word: str) -> str:
    if len(word) == 4 and word.endswith("ies"):
        return word[:-1]
    return _replaced(word, _STEP_1A, -1)


def _step_1b(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        rest = word.removesuffix(suffix)
        if rest != word and "v" in _shape(rest):
            return _mended(rest)
    return word


def _mended(word: str) -> str:
    """Give back what ``-ed`` and ``-ing`` took or doubled: hop(p)ing, fil(e)ing."""
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _ends_double(word):
        return word if word[-1] in "lsz" else word[:-1]
    return word + "e" if _measure(word) == 1 and _ends_short(word) else word


def _step_1c(word: str) -> str:
    rest = word[:-1]
    if word.endswith("y") and len(rest) > 1 and _shape(rest).endswith("c"):
        return rest + "i"
    return word


def _step_2(word: str) -> str:
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _step_2(word[:-2])
    if word.endswith("logi"):
        # The l counts with the stem, so that geologi is treated as archaeologi is.
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _replaced(word, _STEP_2, 0)


def _step_3(word: str) -> str:
    return _replaced(word, _STEP_3, 0)


def _step_4(word: str) -> str:
    if word.endswith("ion") and not word.endswith(("sion", "tion")):
        return word
    return _replaced(word, _STEP_4, 1)


def _step_5a(word: str) -> str:
    rest = word[:-1]
    if word.endswith("e") and (_measure(rest) > 1 or (_measure(rest) == 1 and not _ends_short(rest))):
        return rest
    return word


def _step_5b(word: str) -> str:
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
