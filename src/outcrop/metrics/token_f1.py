"""Token F1: the words that response and reference share, as SQuAD counts them.

Source: Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", 2016, and its official
evaluation script, version 1.1; empty answers as in the script of SQuAD 2.0.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from functools import partial

from outcrop.metrics.record_mean import RecordMean
from outcrop.metrics.rows import f1_of_counts

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def token_f1() -> RecordMean:
    """The mean F1 of shared words, each counted as often as both texts have it.

    Returns:
        A metric named ``token_f1``, in 0..1. Where neither text has a word left the value is 1, where only one has
        none it is 0.
    """
    return RecordMean(
        name="token_f1",
        signature="token_f1|norm:squad1.1|empty:squad2|refs:best|stat:mean-f1|v1",
        columns=("hits", "n_response", "n_reference"),
        count=_count,
        value=partial(f1_of_counts, both_empty=1.0),
    )


def squad_words(text: str) -> list[str]:
    """The words of an answer: lower case, without ASCII punctuation, without the English articles, in this order.

    The order matters: ``a.m.`` becomes ``am``, and is no article.
    """
    return _ARTICLE.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split()


def _count(response: str, reference: str) -> tuple[float, ...]:
    found, wanted = Counter(squad_words(response)), Counter(squad_words(reference))
    return (found & wanted).total(), found.total(), wanted.total()
