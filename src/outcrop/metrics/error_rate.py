"""Word and character error rate: how many words or characters are wrong, per word or character of the reference.

Source: V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", 1966, for the
distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.sums import SumMetric


def word_error_rate() -> SumMetric:
    """Insertions, deletions and substitutions of words that make the responses the references, per reference word.

    Words are what white space separates; case and punctuation count.

    Returns:
        A metric named ``wer``, from 0 and without upper bound; lower is better. It is a ratio of the sums over all
        records; of several references the one with the lowest rate counts. A response to an empty reference is scored:
        its words are insertions. Where no reference has a word the score is NaN.
    """
    return _error_rate("wer", "tok:white-space", str.split)


def character_error_rate() -> SumMetric:
    """The same of characters (code points), white space within the text included, that at its ends not.

    Returns:
        A metric named ``cer``; otherwise as ``word_error_rate``.
    """
    return _error_rate("cer", "tok:code-points|strip:ends", str.strip)


def _error_rate(name: str, choices: str, parts: Callable[[str], Sequence[Hashable]]) -> SumMetric:
    return SumMetric(
        name=name,
        signature=f"{name}|{choices}|case:kept|refs:best|stat:ratio-of-sums|v1",
        columns=("edits", "n_reference"),
        count=partial(_count, parts),
        value=_rate,
        direction=Direction.LOWER,
    )


def _count(parts: Callable[[str], Sequence[Hashable]], response: str, references: tuple[str, ...]) -> tuple[float, ...]:
    found = parts(response)
    counted = [(edit_distance(found, wanted), len(wanted)) for wanted in map(parts, references)]
    return min(counted, key=lambda each: (_rate_of(*each), each))


def _rate_of(edits: int, n_reference: int) -> float:
    return edits / n_reference if n_reference else math.inf if edits else 0.0


def _rate(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    rates = np.full(len(sums), np.nan)
    np.divide(sums[:, 0], sums[:, 1], out=rates, where=sums[:, 1] != 0)
    return rates


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and substitutions of single elements that make one sequence the other.

    Source: G. Myers, "A fast bit-vector algorithm for approximate string matching based on dynamic programming", 1999,
    in the form for whole sequences of H. Hyyrö, 2003. Bit ``i`` of ``more`` and ``less`` says whether the distance to
    ``long[:i + 1]`` is one more or one less than that to ``long[:i]``, so one integer operation does the work of a row
    of cells.
    """
    long, short = (first, second) if len(first) >= len(second) else (second, first)
    occurs: dict[Hashable, int] = {}
    for place, element in enumerate(long):
        occurs[element] = occurs.get(element, 0) | 1 << place
    full, last = (1 << len(long)) - 1, 1 << len(long) >> 1
    more, less, distance = full, 0, len(long)
    for element in short:
        equal = occurs.get(element, 0)
        diagonal = (((equal & more) + more) ^ more) | equal | less
        longer = less | (full & ~(diagonal | more))
        shorter = more & diagonal
        distance += bool(longer & last) - bool(shorter & last)
        longer = longer << 1 | 1
        more = full & (shorter << 1 | ~(diagonal | longer))
        less = full & longer & diagonal
    return distance
