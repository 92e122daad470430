"""Profanity proxy: how likely a response is offensive by its words alone, for want of a classifier.

A linear model over counted words, which comes with Outcrop: the one that the package alt-profanity-check 1.9.1 has
trained and publishes under the MIT licence (``profanity_proxy.LICENSE.txt``), converted from its pickles into numbers
(``tests/fixtures/profanity_proxy/make_profanity_proxy.py``). Source: V. Zhou, "Building a Better Profanity Detection
Library with scikit-learn", 2019. It knows no context, so it stands in for toxicity under a name of its own.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.lines import LineMean
from outcrop.metrics.protocol import Pair
from outcrop.metrics.text_score import text_score

#: As scikit-learn cuts words: two letters, digits or underscores and more.
_WORD = re.compile(r"\b\w\w+\b")

#: The coefficients are whole numbers of this size.
_STEP = 2.0**-35


def profanity_proxy() -> LineMean[Pair]:
    """The mean probability that a response is offensive, by its words.

    Returns:
        A metric named ``profanity_proxy``, in 0..1, lower is better. References have no part in it; an empty response
        is read as any other.
    """
    return text_score(
        "profanity_proxy",
        "profanity_proxy|model:alt-profanity-check-1.9.1|proxy:words|stat:mean|v1",
        "probability",
        _probabilities,
    )


@dataclass(frozen=True)
class _Model:
    """Five linear models of words, each with a logistic curve that makes its value a probability.

    Attributes:
        places: Where a word stands.
        idf: The weight of each word, shape ``(words,)``.
        coefficients: Shape ``(5, words)``.
        intercepts, slopes, offsets: Of each model's line and curve, shape ``(5,)``.
    """

    places: dict[str, int]
    idf: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def probability(self, text: str) -> float:
        """The mean of the five probabilities, each by the cosine of the text's words, weighted by rareness."""
        counts = Counter(place for word in _WORD.findall(text.lower()) if (place := self.places.get(word)) is not None)
        known = list(counts)
        weights = np.array(list(counts.values()), dtype=np.float64) * self.idf[known]
        length = math.sqrt(float(weights @ weights)) or 1.0
        lines = self.coefficients[:, known] @ (weights / length) + self.intercepts
        return float(np.mean(1 / (1 + np.exp(self.slopes * lines + self.offsets))))


def _probabilities(texts: Sequence[str]) -> NDArray[np.float64]:
    model = _model()
    return np.array([model.probability(text) for text in texts])


@cache
def _model() -> _Model:
    # Without pickles, so that the file can't run code.
    with np.load(Path(__file__).with_suffix(".npz"), allow_pickle=False) as file:
        words = file["words"].tobytes().decode().split("\n")
        planes = file["planes"].astype(np.int64)
        whole = sum(plane << 8 * byte for byte, plane in enumerate(planes))
        signed = np.where(whole < 2**39, whole, whole - 2**40)
        places = {word: place for place, word in enumerate(words)}
        curves = (file[name] for name in ("intercepts", "slopes", "offsets"))
        return _Model(places, file["idf"], signed * _STEP, *curves)
