"""TER: how many edits make the response the reference, per word of the reference.

Source: Snover et al., "A Study of Translation Edit Rate with Targeted Human Annotation", 2006. Edits are counted by
sacrebleu, which does what the tool Tercom does, with its limits on the search.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.sums import SumMetric

_Edits = Callable[[list[str], list[str]], tuple[int, int]]


def ter(
    *, case_sensitive: bool = False, normalized: bool = False, no_punct: bool = False, asian_support: bool = False
) -> SumMetric:
    """Translation edit rate of all records together: insertions, deletions, substitutions and shifts of word sequences.

    Args:
        case_sensitive: Whether case matters.
        normalized: Whether Tercom's tokeniser splits off punctuation; words are what white space separates otherwise.
        no_punct: Whether ``. , ? : ; ! " ( )`` are taken out.
        asian_support: Whether ``normalized`` splits Chinese characters singly and ``no_punct`` knows Asian marks too.

    Returns:
        A metric named ``ter``: edits per 100 words of the references, from 0 and without upper bound; lower is better.
        Its rows are edits, of several references those to the nearest one, and words of the reference, of several
        their average (with three and more no whole number, so that sums may differ in their last digit with the order
        of the records). Empty texts are scored: a response to an empty reference has its words as edits. Where no
        reference has a word the score is 0 if no response has one, and 100 otherwise, as in sacrebleu.
    """
    # sacrebleu takes a tenth of a second to load.
    from importlib.metadata import version

    from sacrebleu.metrics.lib_ter import translation_edit_rate
    from sacrebleu.tokenizers.tokenizer_ter import TercomTokenizer

    tokenize = TercomTokenizer(normalized, no_punct, asian_support, case_sensitive)
    said = {True: "yes", False: "no"}
    return SumMetric(
        name="ter",
        signature=f"ter|nrefs:var|case:{'mixed' if case_sensitive else 'lc'}|tok:tercom|norm:{said[normalized]}"
        f"|punct:{said[not no_punct]}|asian:{said[asian_support]}|sacrebleu:{version('sacrebleu')}|v1",
        columns=("edits", "n_reference"),
        count=partial(_count, lambda text: tokenize(text.rstrip()).split(), translation_edit_rate),
        value=_rate,
        unit="edits per 100 words",
        direction=Direction.LOWER,
    )


def _count(
    tokens: Callable[[str], list[str]], edits: _Edits, response: str, references: tuple[str, ...]
) -> tuple[float, ...]:
    found = tokens(response)
    counted = [edits(found, tokens(reference)) for reference in references]
    return min(n for n, _ in counted), sum(n_words for _, n_words in counted) / len(counted)


def _rate(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    without_words = np.where(sums[:, 0] > 0, 1.0, 0.0)
    return 100 * np.divide(sums[:, 0], sums[:, 1], out=without_words, where=sums[:, 1] > 0)
