"""Perplexity: how surprised a model is by a text, per token, per word, and in bits per byte.

Source: F. Jelinek, R. Mercer, L. Bahl, J. Baker, "Perplexity: a measure of the difficulty of speech recognition tasks",
1977. All are functions of the same sums over all texts, so long texts count for more than short ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Rows
from outcrop.metrics.rows import has_value

_COLUMNS = ("log_likelihood", "tokens", "words", "bytes")


@dataclass(frozen=True)
class ScoredText:
    """A text and the log-probability that a model gives it.

    Attributes:
        text: The text.
        log_likelihood: Of all scored tokens together, in nats; 0 or less.
        n_tokens: How many tokens were scored; 0 is a text without a score.
    """

    text: str
    log_likelihood: float
    n_tokens: int


def token_perplexity(tokenizer: str, window: int, stride: int) -> Perplexity:
    """Perplexity per token, ``exp(-log-likelihood / tokens)``, from 1.

    Args:
        tokenizer: The hash of the model's tokenizer: perplexities over unlike tokens are not comparable, and so these
            have unlike signatures.
        window: The most tokens that were read together.
        stride: How many tokens each window added.
    """
    how = f"tokenizer:{tokenizer[:12]}|window:{window}|stride:{stride}"
    return Perplexity("token_perplexity", f"perplexity:token|{how}|v1", "", _per(1))


def log_perplexity(tokenizer: str, window: int, stride: int) -> Perplexity:
    """The logarithm of the perplexity per token, ``-log-likelihood / tokens``, in nats from 0.

    Where two models have one tokenizer, the exponential of the difference is the ratio of their perplexities.

    Args:
        tokenizer: The hash of the model's tokenizer, as ``token_perplexity`` has it.
        window: The most tokens that were read together.
        stride: How many tokens each window added.
    """
    how = f"tokenizer:{tokenizer[:12]}|window:{window}|stride:{stride}"
    return Perplexity("log_perplexity", f"perplexity:log|{how}|v1", "nats", _nats)


def word_perplexity(window: int, stride: int) -> Perplexity:
    """Perplexity per word, ``exp(-log-likelihood / words)``, from 1; a word is what white space separates.

    Args:
        window: The most tokens that were read together.
        stride: How many tokens each window added.
    """
    return Perplexity("word_perplexity", f"perplexity:word|window:{window}|stride:{stride}|v1", "", _per(2))


def bits_per_byte(window: int, stride: int) -> Perplexity:
    """Bits that the model needs for a byte of UTF-8, ``-log-likelihood / (bytes · ln 2)``, from 0.

    Args:
        window: The most tokens that were read together.
        stride: How many tokens each window added.
    """
    return Perplexity("bits_per_byte", f"perplexity:byte|window:{window}|stride:{stride}|v1", "bits", _bits)


@dataclass(frozen=True)
class Perplexity:
    """A ``Metric`` of ``ScoredText``: a function of sums. Lower is better.

    Rows are log-likelihood (nats), scored tokens, words and bytes. A text without a scored token has a row of NaN.
    """

    name: str
    signature: str
    unit: str
    value: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    direction: Direction = Direction.LOWER
    columns: tuple[str, ...] = _COLUMNS

    def prepare(self, items: Sequence[ScoredText]) -> Rows:
        """The counts of each text: shape ``(n, 4)``."""
        rows = np.full((len(items), len(self.columns)), np.nan)
        for row, item in zip(rows, items, strict=True):
            if item.n_tokens:
                row[:] = (item.log_likelihood, item.n_tokens, len(item.text.split()), len(item.text.encode()))
        return rows

    def per_record(self, rows: Rows) -> None:
        """None: the score is not the mean of a value per text."""

    def of_sums(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores of sums of rows, shape ``(b, 4)`` to ``(b,)``."""
        return self.value(sums)

    def score(self, rows: Rows) -> float:
        """The score of all texts together; NaN where none was scored, or where no text has a word to divide by."""
        left = rows[has_value(rows)]
        # Log-likelihoods are no whole numbers: summed exactly, they do not depend on the order of the texts.
        sums = np.array([[math.fsum(column) for column in left.T]])
        return float(self.value(sums)[0])


def _per(column: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    def value(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):
            perplexities: NDArray[np.float64] = np.exp(_share(-sums[:, 0], sums[:, column]))
        return perplexities

    return value


def _nats(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return _share(-sums[:, 0], sums[:, 1])


def _bits(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    bits: NDArray[np.float64] = _share(-sums[:, 0], sums[:, 3]) / math.log(2)
    return bits


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part by whole; NaN where the whole is nothing."""
    shares = np.full(len(part), np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares
