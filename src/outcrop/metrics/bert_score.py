"""BERTScore: each token's best match in the other text, by the cosine of their vectors.

Source: T. Zhang, V. Kishore, F. Wu, K. Weinberger, Y. Artzi, "BERTScore: Evaluating Text Generation with BERT", 2020,
arXiv 1904.09675, sections 3 and 5, with what the authors' package bert-score adds: which tokens have weight, and which
layer is read.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.scores import Direction
from outcrop.metrics.encoding import Encoded, Encoder, compare_encoded
from outcrop.metrics.protocol import Pair, Rows
from outcrop.metrics.rows import exact_mean
from outcrop.metrics.tuned_layers import Baseline, tuned_layer

_TOKENIZED_TOGETHER = 1024

#: Multiplications up to which OpenBLAS computes a product on one thread. Above it, its threads wait for each other
#: longer than they compute: 230 to 1,500 µs for two texts of 40 tokens on two busy cores, 20 µs when cut in three.
_ONE_THREAD = 1 << 18


@dataclass(frozen=True)
class Idf:
    """How rare tokens are in a corpus of references, in nats.

    Attributes:
        weights: Inverse document frequency by token.
        unseen: That of a token that no reference has.
    """

    weights: Mapping[int, float]
    unseen: float

    @cached_property
    def digest(self) -> str:
        """Twelve digits that another corpus would not have."""
        listed = json.dumps([self.unseen, sorted(self.weights.items())])
        return hashlib.sha256(listed.encode()).hexdigest()[:12]


def idf_of(encoder: Encoder, references: Sequence[str]) -> Idf:
    """Inverse document frequencies ``log((N + 1) / (df + 1))``, ``df`` of the ``N`` references having the token.

    A reference that is there twice counts twice. The encoder only tokenises here.

    Raises:
        InvalidInput: There are no references.
    """
    if not references:
        raise InvalidInput([Fault("idf_of", None, "references", "none", "one or more")])
    having: Counter[int] = Counter()
    for first in range(0, len(references), _TOKENIZED_TOGETHER):
        for tokens in encoder.tokenize(references[first : first + _TOKENIZED_TOGETHER]):
            having.update(set(tokens))
    n = len(references)
    return Idf({token: math.log((n + 1) / (df + 1)) for token, df in sorted(having.items())}, math.log(n + 1))


def bert_score(
    encoder: Encoder,
    *,
    layer: int | None = None,
    idf: Idf | None = None,
    baseline: Baseline | None = None,
    name: str = "bert_score",
) -> BertScore:
    """The mean BERTScore F1 through an encoder.

    Args:
        encoder: Gives the vectors.
        layer: Whose; from 1. None takes the layer that ``tuned_layers`` names.
        idf: Weights of tokens, made by ``idf_of``; None weighs all alike. [CLS] and [SEP] have no weight either way.
        baseline: What unrelated sentences score: values are then ``(value - baseline) / (1 - baseline)``, so that these
            are 0, identical texts 1, and values below 0 are possible. ``english_baseline`` has the published ones.
        name: What the metric is called.

    Raises:
        InvalidInput: The encoder has no such layer, or a number of the baseline is 1 or more: all faults.
        NotSupported: ``layer`` is None, and none is known for this encoder.
    """
    layer = tuned_layer(encoder.name) if layer is None else layer
    faults = []
    if not 1 <= layer <= encoder.layers:
        faults.append(Fault("bert_score", None, "layer", str(layer), f"1 to {encoder.layers}, which is the last"))
    if baseline is not None and not all(value < 1 for value in baseline):
        faults.append(Fault("bert_score", None, "baseline", str(baseline), "precision, recall and F1, each below 1"))
    if faults:
        raise InvalidInput(faults)
    return BertScore(encoder, layer, idf, baseline, name)


@dataclass(frozen=True)
class _Side:
    """A text as it is matched: vectors of length 1, ``(n, width)``, and weights that add up to 1, ``(n,)``."""

    vectors: NDArray[np.float32]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class BertScore:
    """A ``Metric``; ``bert_score`` makes it. Its rows are precision, recall and F1, rescaled where a baseline is given.

    Rows made in parts equal those made whole to within rounding (1e-5): the batches are others. A text no token of
    which has weight says nothing: such a response scores 0 (before rescaling), such a reference does not count.
    """

    encoder: Encoder
    layer: int
    idf: Idf | None
    baseline: Baseline | None
    name: str
    unit: str = ""
    direction: Direction = Direction.HIGHER
    columns: tuple[str, ...] = ("precision", "recall", "f1")

    @property
    def signature(self) -> str:
        """Every choice that changes the value; of an idf its digest."""
        idf = "no" if self.idf is None else self.idf.digest
        baseline = "no" if self.baseline is None else ",".join(f"{value:.6g}" for value in self.baseline)
        choices = f"layer:{self.layer}|idf:{idf}|baseline:{baseline}"
        return f"bert_score|{self.encoder.signature}|{choices}|stat:mean-f1|v1"

    def prepare(self, items: Sequence[Pair]) -> Rows:
        """Precision, recall and F1 of each pair, ``(n, 3)``; of several references those of the one with the best F1.

        Memory does not grow with the number of pairs, but for the rows themselves.
        """
        rows = compare_encoded(items, self._read, _match, len(self.columns))
        if self.baseline is None:
            return rows
        unrelated = np.array(self.baseline)
        rescaled: Rows = (rows - unrelated) / (1 - unrelated)
        return rescaled

    def per_record(self, rows: Rows) -> NDArray[np.float64]:
        """F1 of each record, shape ``(n,)``."""
        return rows[:, 2]

    def of_sums(self, sums: NDArray[np.float64]) -> None:
        """None: a sum of values does not say of how many records it is."""

    def score(self, rows: Rows) -> float:
        """The mean F1 of the records that have one; NaN where none has."""
        return exact_mean(rows[:, 2])

    def _read(self, texts: list[str]) -> list[_Side | None]:
        return [self._side(encoded) for encoded in self.encoder.encode(texts, self.layer)]

    def _side(self, encoded: Encoded) -> _Side | None:
        weights = np.array(self._weights(encoded.tokens.tolist()))
        total = weights.sum()
        if not total:
            return None
        lengths = np.linalg.norm(encoded.vectors, axis=1, keepdims=True)
        return _Side(encoded.vectors / lengths, weights / total)

    def _weights(self, tokens: list[int]) -> list[float]:
        special, idf = self.encoder.special_ids, self.idf
        if idf is None:
            return [0.0 if token in special else 1.0 for token in tokens]
        return [0.0 if token in special else idf.weights.get(token, idf.unseen) for token in tokens]


def _match(response: _Side, reference: _Side) -> tuple[float, float, float]:
    """Precision, recall and F1 (equations 1 and 2 of the paper, weighted as in its section 3)."""
    cosines = _products(response.vectors, reference.vectors)
    # Rounding may carry a cosine over 1.
    precision = min(1.0, float(response.weights @ cosines.max(axis=1)))
    recall = min(1.0, float(reference.weights @ cosines.max(axis=0)))
    return precision, recall, _f1(precision, recall)


def _products(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """All dot products of the rows of two matrices: ``(n, width)`` and ``(m, width)`` to ``(n, m)``."""
    rows = _ONE_THREAD // other.size
    if rows < 2:
        return one @ other.T
    return np.concatenate([one[first : first + rows] @ other.T for first in range(0, len(one), rows)])


def _f1(precision: float, recall: float) -> float:
    """The harmonic mean; 0 where the two have unlike signs, and it has no meaning."""
    return 2 * precision * recall / (precision + recall) if precision * recall > 0 else 0.0
