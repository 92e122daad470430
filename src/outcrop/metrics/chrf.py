"""chrF and chrF++: n-grams of characters, and of words, that responses and references have in common.

Source: Popović, "chrF: character n-gram F-score for automatic MT evaluation", 2015, and "chrF++: words helping
character n-grams", 2017; which orders count and which reference is taken as in sacrebleu.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from string import punctuation

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.ngrams import n_common, ngrams
from outcrop.metrics.sums import SumMetric

_CHARACTERS = 6

_Floats = NDArray[np.float64]


def chrf(
    *,
    word_order: int = 0,
    beta: float = 2,
    lowercase: bool = False,
    whitespace: bool = False,
    eps_smoothing: bool = False,
) -> SumMetric:
    """The chrF of all records together: n-grams of one to six characters; chrF++ has words and pairs of words too.

    Args:
        word_order: Words in a row up to which n-grams of words count: 0 is chrF, 2 is chrF++.
        beta: How many times as much as precision recall counts.
        lowercase: Whether case is ignored.
        whitespace: Whether white space counts as characters.
        eps_smoothing: Whether the score is the mean of the orders' F-scores, orders without n-grams counting as 0 (as
            in chrF++.py and NLTK), or the F-score of mean precision and mean recall over the orders that both sides
            have.

    Returns:
        A metric named ``chrf``, with a ``+`` for each of ``word_order``, in points of 0..100. Its rows are, for each
        order, n-grams of the response (0 where the reference has none), n-grams of the reference, and those in common;
        of several references those of the one with the best score. Empty texts are scored: they have no n-grams. Where
        no order counts, the score is 0.

    Raises:
        InvalidInput: ``word_order`` is below 0, or ``beta`` is not above 0.
    """
    _check(word_order, beta)
    orders = [f"char{n}" for n in range(1, _CHARACTERS + 1)] + [f"word{n}" for n in range(1, word_order + 1)]
    choices = f"case:{'lc' if lowercase else 'mixed'}|eff:{'no' if eps_smoothing else 'yes'}|nc:{_CHARACTERS}"
    value = partial(_mean_of_f if eps_smoothing else _f_of_means, beta)
    return SumMetric(
        name="chrf" + "+" * word_order,
        signature=f"chrf|nrefs:var|{choices}|nw:{word_order}|space:{'yes' if whitespace else 'no'}|beta:{beta:g}|v1",
        columns=tuple(f"{side}_{order}" for order in orders for side in ("n_response", "n_reference", "hits")),
        count=partial(_best, partial(_grams, word_order, lowercase, whitespace), value),
        value=value,
        unit="points",
    )


def chrf_plus_plus() -> SumMetric:
    """The chrF++, as ``chrf(word_order=2)``."""
    return chrf(word_order=2)


def _check(word_order: int, beta: float) -> None:
    faults = []
    if word_order < 0:
        faults.append(Fault("chrf", None, "word_order", str(word_order), "0 or more"))
    if not beta > 0:
        faults.append(Fault("chrf", None, "beta", str(beta), "more than 0"))
    if faults:
        raise InvalidInput(faults)


def _grams(word_order: int, lowercase: bool, whitespace: bool, text: str) -> list[Sequence[Hashable]]:
    """The n-grams of each order, those of characters first."""
    if lowercase:
        text = text.lower()
    line = text if whitespace else "".join(text.split())
    grams: list[Sequence[Hashable]] = [
        [line[start : start + n] for start in range(len(line) - n + 1)] for n in range(1, _CHARACTERS + 1)
    ]
    words = _words(text) if word_order else []
    return grams + [ngrams(words, n) for n in range(1, word_order + 1)]


def _words(text: str) -> list[str]:
    """The words, with one punctuation mark split off: at the end if there is one, else at the beginning."""
    words: list[str] = []
    for word in text.split():
        if len(word) == 1:
            words.append(word)
        elif word[-1] in punctuation:
            words += [word[:-1], word[-1]]
        elif word[0] in punctuation:
            words += [word[0], word[1:]]
        else:
            words.append(word)
    return words


def _best(
    grams: Callable[[str], list[Sequence[Hashable]]],
    value: Callable[[_Floats], _Floats],
    response: str,
    references: tuple[str, ...],
) -> tuple[float, ...]:
    found = grams(response)
    rows = [_counts(found, grams(reference)) for reference in references]
    return rows[0] if len(rows) == 1 else rows[int(np.argmax(value(np.array(rows, dtype=np.float64))))]


def _counts(found: Sequence[Sequence[Hashable]], wanted: Sequence[Sequence[Hashable]]) -> tuple[float, ...]:
    both = zip(found, wanted, strict=True)
    return tuple(n for one, other in both for n in (len(one) if other else 0, len(other), n_common(one, other)))


def _f_of_means(beta: float, sums: _Floats) -> _Floats:
    """The F-score of mean precision and mean recall, over the orders that both sides have; ``(b, k)`` to ``(b,)``."""
    n_response, n_reference, hits = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    there = (n_response > 0) & (n_reference > 0)
    n_orders = np.maximum(there.sum(axis=1), 1)
    precision = np.divide(hits, n_response, out=np.zeros_like(hits), where=there).sum(axis=1) / n_orders
    recall = np.divide(hits, n_reference, out=np.zeros_like(hits), where=there).sum(axis=1) / n_orders
    return 100 * _f_score(beta, precision, recall)


def _mean_of_f(beta: float, sums: _Floats) -> _Floats:
    """The mean of all orders' F-scores, ``(b, k)`` to ``(b,)``."""
    n_response, n_reference, hits = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    precision = np.divide(hits, n_response, out=np.zeros_like(hits), where=n_response > 0)
    recall = np.divide(hits, n_reference, out=np.zeros_like(hits), where=n_reference > 0)
    scores: _Floats = 100 * _f_score(beta, precision, recall).mean(axis=1)
    return scores


def _f_score(beta: float, precision: _Floats, recall: _Floats) -> _Floats:
    """F-beta, 0 where both are 0."""
    weighted = beta * beta * precision + recall
    scores: _Floats = np.zeros_like(weighted)
    np.divide((1 + beta * beta) * precision * recall, weighted, out=scores, where=weighted > 0)
    return scores
