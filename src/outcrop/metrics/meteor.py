"""METEOR: the words that response and reference share, exactly or by their stems, and in how many pieces they lie.

Source: Banerjee and Lavie, "METEOR: An Automatic Metric for MT Evaluation with Improved Correlation with Human
Judgments", 2005, with the parameters of Lavie and Agarwal, 2007. The words are aligned as NLTK does it; its third
stage, synonyms from WordNet, is left out.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.porter import stem
from outcrop.metrics.protocol import Rows
from outcrop.metrics.record_mean import RecordMean

_TOKEN = re.compile(r"\w+|[^\w\s]+")
_VOCABULARY = 1 << 16

_stem = lru_cache(maxsize=_VOCABULARY)(stem)


def meteor(*, alpha: float = 0.9, beta: float = 3.0, gamma: float = 0.5) -> RecordMean:
    """The mean METEOR of the records, with exact words and Porter stems.

    A text's tokens are its runs of letters and digits, and its runs of punctuation marks, in lower case. Alignment:
    from the last token of the response to the first, each takes the last equal token of the reference that is still
    free; then the tokens left over do the same by their stems.

    Args:
        alpha: How much recall weighs in the mean of precision and recall, 0..1.
        beta: How fast the penalty grows as the matches lie in more pieces.
        gamma: The largest penalty, 0..1.

    Returns:
        A metric named ``meteor``, in 0..1, of several references that with the best value. Its rows are matches, tokens
        of the response, tokens of the reference, and chunks: the fewest pieces in which the matches stand side by side
        and in the same order in both. A reference without any token can't be scored; no match is 0.
    """
    return RecordMean(
        name="meteor",
        signature=f"meteor|match:exact+stem|align:greedy-from-end|tok:wordpunct|case:lc|"
        f"alpha:{alpha:g}|beta:{beta:g}|gamma:{gamma:g}|refs:best|stat:mean|v1",
        columns=("matches", "n_response", "n_reference", "chunks"),
        count=_count,
        value=partial(_values, alpha, beta, gamma),
    )


def _count(response: str, reference: str) -> tuple[float, ...] | None:
    found, wanted = _tokens(response), _tokens(reference)
    if not wanted:
        return None
    aligned = _aligned(found, wanted)
    taken = set(aligned.values())
    left_over = {place: _stem(token) for place, token in found.items() if place not in aligned}
    still_free = {place: _stem(token) for place, token in wanted.items() if place not in taken}
    aligned |= _aligned(left_over, still_free)
    n_chunks = sum(aligned.get(place - 1) != other - 1 for place, other in aligned.items())
    return len(aligned), len(found), len(wanted), n_chunks


def _tokens(text: str) -> dict[int, str]:
    return {place: token.lower() for place, token in enumerate(_TOKEN.findall(text))}


def _aligned(found: dict[int, str], wanted: dict[int, str]) -> dict[int, int]:
    """Places in the response and in the reference that belong together."""
    free: dict[str, list[int]] = {}
    for place, token in wanted.items():
        free.setdefault(token, []).append(place)
    return {place: free[token].pop() for place, token in reversed(found.items()) if free.get(token)}


def _values(alpha: float, beta: float, gamma: float, rows: Rows) -> NDArray[np.float64]:
    matches, n_response, n_reference, chunks = rows.T
    # P R / (α P + (1 - α) R) with P = matches / n_response and R = matches / n_reference.
    mean = matches / (alpha * n_reference + (1 - alpha) * n_response)
    pieces = np.divide(chunks, matches, out=np.zeros_like(matches), where=matches > 0)
    scores: NDArray[np.float64] = mean * (1 - gamma * pieces**beta)
    return scores
