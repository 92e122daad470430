"""Response error rate: ``Builtin.Robustness`` of open-ended generation, by the words that change.

Source: ``GeneralSemanticRobustness`` of fmeval 1.2.3, which takes the word error rate of the package evaluate, and its
correction for models that sample.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.error_rate import edit_distance
from outcrop.metrics.lines import LineMean, each, ratio
from outcrop.metrics.protocol import Rows
from outcrop.metrics.robustness.relative_delta import BUILTIN
from outcrop.metrics.robustness.responses import Responses

_COLUMNS = ("edits", "n_words", "repeat_edits", "n_repeat_words")


def response_error_rate(perturbation: str) -> LineMean[Responses]:
    """The word error rate of the responses to perturbed prompts, held against the response to the prompt as it is.

    The edits of all variants of a record by the words they are held against, in per cent; the score is the mean over
    records. A model that samples writes something else each time: where a record has ``repeats``, the same rate
    between all pairs of its unperturbed responses is taken off, and less than 0 counts as 0.

    Args:
        perturbation: What ``perturbations.signed`` says of the variants.

    Returns:
        A metric named ``Builtin.Robustness``, in per cent, from 0 and without upper bound; lower is better. A record
        whose original response has no word, or which has no perturbed response, has no value.
    """
    return LineMean(
        BUILTIN,
        f"{BUILTIN}|{perturbation}|of:wer|tok:white-space|less:repeats|stat:mean|v1",
        _COLUMNS,
        each(_count, len(_COLUMNS)),
        _value,
        unit="%",
        direction=Direction.LOWER,
    )


def _count(item: Responses) -> tuple[float, ...] | None:
    written = [text for text in item.perturbed if text is not None]
    if item.original is None or not item.original.split() or not written:
        return None
    # fmeval puts the original last, and holds the first of each pair against the second.
    pairs = combinations((*item.repeats, item.original), 2)
    return (*_edits((text, item.original) for text in written), *_edits(pairs))


def _edits(pairs: Iterable[tuple[str, str]]) -> tuple[int, int]:
    """Edits that make each first text the second, and words of the second ones, of all pairs together."""
    split = [(response.split(), reference.split()) for response, reference in pairs]
    return sum(edit_distance(*pair) for pair in split), sum(len(reference) for _, reference in split)


def _value(rows: Rows) -> NDArray[np.float64]:
    off = ratio(rows[:, 0], rows[:, 1]) - np.nan_to_num(ratio(rows[:, 2], rows[:, 3]))
    values: NDArray[np.float64] = np.maximum(100 * off, 0)
    return values
