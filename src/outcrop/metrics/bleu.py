"""BLEU: how many of the responses' n-grams of one to four tokens the references have, over all records together.

Source: Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", 2002; smoothing: Chen and
Cherry, "A Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU", 2014, methods 1 to 3. The tokens are
those of sacrebleu (Post, "A Call for Clarity in Reporting BLEU Scores", 2018), so that values can be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial, reduce
from importlib import import_module
from operator import or_
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.ngrams import n_common, ngrams
from outcrop.metrics.sums import SumMetric

Tokenizer = Literal["13a", "intl", "zh", "char", "none"]
Smoothing = Literal["exp", "floor", "add-k", "none"]

_N = 4
_TOKENIZERS = {
    "13a": "tokenizer_13a:Tokenizer13a",
    "intl": "tokenizer_intl:TokenizerV14International",
    "zh": "tokenizer_zh:TokenizerZh",
    "char": "tokenizer_char:TokenizerChar",
    "none": "tokenizer_none:NoneTokenizer",
}
#: With the value of each where it is not given; the others take none.
_SMOOTHINGS = {"exp": None, "floor": 0.1, "add-k": 1.0, "none": None}

_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]
_Tokens = Callable[[str], list[str]]


def bleu(
    *,
    tokenize: Tokenizer = "13a",
    lowercase: bool = False,
    smooth: Smoothing = "exp",
    smooth_value: float | None = None,
    effective_order: bool = False,
) -> SumMetric:
    """BLEU of all records together: it is no mean of the records' own values.

    Args:
        tokenize: sacrebleu's tokeniser: ``13a`` (mteval-v13a, for languages with spaces), ``intl`` (mteval-v14, Unicode
            punctuation), ``zh`` (Chinese characters singly), ``char``, ``none`` (white space alone).
        lowercase: Whether case is ignored.
        smooth: What stands for 0 hits of an order: ``exp`` (a half, a quarter the second time, and so on), ``floor``
            (``smooth_value``), ``none`` (nothing: the score is 0); ``add-k`` adds ``smooth_value`` to hits and n-grams
            of every n > 1, hit or not.
        smooth_value: Of ``floor``, 0.1 unless given, and of ``add-k``, 1 unless given; not used by the others.
        effective_order: Whether orders that the responses are too short for are left out of the mean. Meant for
            ``of_sums`` of the rows themselves, which is sentence BLEU.

    Returns:
        A metric named ``bleu``, in points of 0..100. Its rows are tokens of the response, tokens of the reference whose
        length is nearest (the shorter of two as near), n-grams of the response that a reference has, for n = 1 to 4,
        and n-grams of the response, for n = 1 to 4. Empty texts are scored: an empty response has no hits and counts
        for the brevity penalty. Where nothing is hit, the score is 0.

    Raises:
        InvalidInput: There is no such tokeniser or smoothing, or ``smooth_value`` is below 0.
    """
    from importlib.metadata import version

    _check(tokenize, smooth, smooth_value)
    usual = _SMOOTHINGS[smooth]
    value = 0.0 if usual is None else usual if smooth_value is None else smooth_value
    smoothing = smooth if usual is None else f"{smooth}[{value:g}]"
    case, order = "lc" if lowercase else "mixed", "yes" if effective_order else "no"
    return SumMetric(
        name="bleu",
        signature=f"bleu|nrefs:var|case:{case}|eff:{order}|tok:{tokenize}|smooth:{smoothing}"
        f"|sacrebleu:{version('sacrebleu')}|v1",
        columns=("n_response", "n_reference", "hits1", "hits2", "hits3", "hits4", "n1", "n2", "n3", "n4"),
        count=partial(_count, _tokeniser(tokenize, lowercase)),
        value=partial(_scores, smooth, value, effective_order),
        unit="points",
    )


def _check(tokenize: str, smooth: str, smooth_value: float | None) -> None:
    faults = []
    if tokenize not in _TOKENIZERS:
        faults.append(Fault("bleu", None, "tokenize", repr(tokenize), f"one of {', '.join(_TOKENIZERS)}"))
    if smooth not in _SMOOTHINGS:
        faults.append(Fault("bleu", None, "smooth", repr(smooth), f"one of {', '.join(_SMOOTHINGS)}"))
    if smooth_value is not None and not smooth_value >= 0:
        faults.append(Fault("bleu", None, "smooth_value", str(smooth_value), "0 or more"))
    if faults:
        raise InvalidInput(faults)


def _tokeniser(name: str, lowercase: bool) -> _Tokens:
    # sacrebleu takes a tenth of a second to load.
    module, _, kind = _TOKENIZERS[name].partition(":")
    tokenize: Callable[[str], str] = getattr(import_module(f"sacrebleu.tokenizers.{module}"), kind)()
    return lambda text: tokenize((text.lower() if lowercase else text).rstrip()).split()


def _count(tokens: _Tokens, response: str, references: tuple[str, ...]) -> tuple[float, ...]:
    found, wanted = tokens(response), [tokens(reference) for reference in references]
    n_found = len(found)
    nearest = min((len(each) for each in wanted), key=lambda n: (abs(n - n_found), n))
    hits = (_hits(n, found, wanted) for n in range(1, _N + 1))
    return (n_found, nearest, *hits, *(max(0, n_found - n) for n in range(_N)))


def _hits(n: int, found: Sequence[str], wanted: Sequence[Sequence[str]]) -> int:
    """N-grams of the response that a reference has, each at most as often as the reference that has most of it."""
    first, *others = (ngrams(each, n) for each in wanted)
    if others:
        first = list(reduce(or_, map(Counter, [first, *others])).elements())
    return n_common(ngrams(found, n), first)


def _scores(smooth: Smoothing, smooth_value: float, effective_order: bool, sums: _Floats) -> _Floats:
    """BLEU of each row of sums, shape ``(b, 10)`` to ``(b,)``."""
    n_response, n_reference, hits, totals = sums[:, 0], sums[:, 1], sums[:, 2 : 2 + _N], sums[:, 2 + _N :]
    precisions, there = _precisions(smooth, smooth_value, hits, totals)
    counts = there if effective_order else np.ones_like(there)
    # A precision of 0 makes the mean's logarithm -inf and the score 0; no word in the response does so too.
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(counts, np.log(precisions), 0).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
        brevity = np.where(n_response < n_reference, np.exp(1 - n_reference / n_response), 1)
    return np.where((hits > 0).any(axis=1), 100 * brevity * np.exp(logs), 0.0)


def _precisions(smooth: Smoothing, smooth_value: float, hits: _Floats, totals: _Floats) -> tuple[_Floats, _Bools]:
    """Smoothed precisions, 0 where an order has no n-grams, and which orders have some; both ``(b, 4)``."""
    if smooth == "add-k":
        more = np.array([0.0] + [smooth_value] * (_N - 1))
        hits, totals = hits + more, totals + more
    # As in mteval-v13a, an order without n-grams ends the list.
    there = np.logical_and.accumulate(totals > 0, axis=1)
    zero = there & (hits == 0)
    if smooth == "exp":
        hits = np.where(zero, 0.5 ** np.cumsum(zero, axis=1), hits)
    elif smooth == "floor":
        hits = np.where(zero, smooth_value, hits)
    return np.divide(hits, totals, out=np.zeros_like(totals), where=there), there
