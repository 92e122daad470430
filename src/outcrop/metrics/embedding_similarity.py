"""Embedding similarity: the cosine of two texts' mean vectors.

Source: N. Reimers, I. Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", 2019, section 3, with
mean pooling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.encoding import Encoded, Encoder, compare_encoded
from outcrop.metrics.protocol import Pair, Rows
from outcrop.metrics.rows import exact_mean


def embedding_similarity(encoder: Encoder, *, name: str = "embedding_similarity") -> EmbeddingSimilarity:
    """The mean cosine of response and reference, each the mean of its tokens' vectors in the encoder's last layer.

    Args:
        encoder: A model that was trained so that this cosine means something: a sentence encoder.
        name: What the metric is called.
    """
    return EmbeddingSimilarity(encoder, name)


@dataclass(frozen=True)
class EmbeddingSimilarity:
    """A ``Metric``; ``embedding_similarity`` makes it. Its rows are one cosine each, in -1..1.

    Rows made in parts equal those made whole to within rounding (1e-5): the batches are others. A text of which no
    token is left but special ones says nothing: such a response scores 0, such a reference does not count.
    """

    encoder: Encoder
    name: str
    unit: str = ""
    direction: Direction = Direction.HIGHER
    columns: tuple[str, ...] = ("cosine",)

    @property
    def signature(self) -> str:
        """Every choice that changes the value."""
        return f"embedding_similarity|{self.encoder.signature}|pool:mean|stat:mean|v1"

    def prepare(self, items: Sequence[Pair]) -> Rows:
        """The cosine of each pair, ``(n, 1)``; of several references that of the closest.

        Memory does not grow with the number of pairs, but for the rows themselves.
        """
        return compare_encoded(items, self._read, _cosine, len(self.columns))

    def per_record(self, rows: Rows) -> NDArray[np.float64]:
        """The cosine of each record, shape ``(n,)``."""
        return rows[:, 0]

    def of_sums(self, sums: NDArray[np.float64]) -> None:
        """None: a sum of cosines does not say of how many records it is."""

    def score(self, rows: Rows) -> float:
        """The mean cosine of the records that have one; NaN where none has."""
        return exact_mean(rows[:, 0])

    def _read(self, texts: list[str]) -> list[NDArray[np.float64] | None]:
        return [self._mean(encoded) for encoded in self.encoder.encode(texts, self.encoder.layers)]

    def _mean(self, encoded: Encoded) -> NDArray[np.float64] | None:
        """The mean of all tokens' vectors, the special ones' too, scaled to length 1: shape ``(width,)``."""
        if self.encoder.special_ids.issuperset(encoded.tokens.tolist()):
            return None
        mean = encoded.vectors.mean(axis=0, dtype=np.float64)
        scaled: NDArray[np.float64] = mean / np.linalg.norm(mean)
        return scaled


def _cosine(response: NDArray[np.float64], reference: NDArray[np.float64]) -> tuple[float]:
    # Rounding may carry it over 1.
    return (max(-1.0, min(1.0, float(response @ reference))),)
