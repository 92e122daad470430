"""Token F1 over sets: the different words that response and reference share.

Source: the question-answering scores of fmeval, which takes them from HELM's ``f1_score``.
"""

from __future__ import annotations

from functools import partial

from outcrop.metrics.record_mean import RecordMean
from outcrop.metrics.rows import f1_of_counts
from outcrop.metrics.token_f1 import squad_words


def token_f1_set() -> RecordMean:
    """The mean F1 of shared words, each counted once however often it stands there.

    It is what fmeval and HELM call F1, kept to compare with their numbers; SQuAD's own F1, which counts repeats, is
    ``token_f1``.

    Returns:
        A metric named ``token_f1_set``, in 0..1, of several references that with the best value. Where either text has
        no word left, the value is 0, where neither has one too.
    """
    return RecordMean(
        name="token_f1_set",
        signature="token_f1_set|norm:squad1.1|empty:0|refs:best|stat:mean-f1|v1",
        columns=("hits", "n_response", "n_reference"),
        count=_count,
        value=partial(f1_of_counts, both_empty=0.0),
    )


def _count(response: str, reference: str) -> tuple[float, ...]:
    found, wanted = set(squad_words(response)), set(squad_words(reference))
    return len(found & wanted), len(found), len(wanted)
