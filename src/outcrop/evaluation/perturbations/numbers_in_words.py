"""Numbers written out in English."""

from __future__ import annotations

import re

import numpy as np

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ["", *["thousand", "million", "billion", "trillion", "quadrillion", "quintillion"]]
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

#: A number by itself. Dates, times, versions, ranges and names such as "A4" hold digits that are no number to spell.
_NUMBER = re.compile(
    r"(?<![\w.,:/-])(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:(?P<ordinal>st|nd|rd|th)|\.(?P<decimals>[0-9]+))?"
    r"(?!\w|[.,:/-][0-9])"
)


def numbers_in_words(text: str, _generator: np.random.Generator) -> str:
    """Every number that stands by itself, in words: "3rd of 1,250" becomes "third of one thousand two hundred fifty".

    Decimals are read digit by digit, and so is a number with a zero before it. Above 10²¹ numbers stay.
    """
    return _NUMBER.sub(_in_words, text)


def _in_words(match: re.Match[str]) -> str:
    digits = match["whole"].replace(",", "")
    if len(digits) > 3 * len(_SCALES):
        return match[0]
    words = _digit_by_digit(digits) if len(digits) > 1 and digits[0] == "0" else cardinal(int(digits))
    if match["ordinal"]:
        return _ordinal(words)
    return f"{words} point {_digit_by_digit(match['decimals'])}" if match["decimals"] else words


def cardinal(number: int) -> str:
    """A whole number from 0 to below 10²¹ in words, without "and"."""
    if number < 20:
        return _SMALL[number]
    groups = []
    for scale in _SCALES:
        number, group = divmod(number, 1000)
        if group:
            groups.append(f"{_below_thousand(group)} {scale}".rstrip())
    return " ".join(reversed(groups))


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [f"{_SMALL[hundreds]} hundred"] if hundreds else []
    if 0 < rest < 20:
        words.append(_SMALL[rest])
    elif rest:
        tens, ones = divmod(rest, 10)
        words.append(_TENS[tens - 2] + (f"-{_SMALL[ones]}" if ones else ""))
    return " ".join(words)


def _ordinal(words: str) -> str:
    """A cardinal as an ordinal: only its last word changes."""
    start, last = re.fullmatch(r"(.*?)(\w+)", words, re.DOTALL).groups()  # type: ignore[union-attr]
    if last in _ORDINALS:
        return start + _ORDINALS[last]
    return start + (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def _digit_by_digit(digits: str) -> str:
    return " ".join(_SMALL[int(digit)] for digit in digits)
