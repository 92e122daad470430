"""What a classifier of texts is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Classifier(Protocol):
    """A model that gives each label a score for a text.

    Promises: every text of any length gets a score for every label, from 0 to 1; the company of a text changes its
    scores by no more than rounding (1e-5).
    """

    @property
    def name(self) -> str:
        """What it is called, such as ``unbiased-toxic-roberta``."""
        ...

    @property
    def signature(self) -> str:
        """Every choice of it that changes a score: ``classifier:name#hash|scores:sigmoid|long:windows-512``."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """What it tells apart, in the order of the scores."""
        ...

    def classify(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The score of each label for each text, shape ``(texts, labels)``."""
        ...
