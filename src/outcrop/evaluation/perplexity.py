"""Texts scored by an engine, for the metrics of perplexity."""

from __future__ import annotations

from collections.abc import Sequence

from outcrop.engines.protocol import Engine
from outcrop.metrics.perplexity import ScoredText


def scored_texts(engine: Engine, texts: Sequence[str], *, window: int, stride: int) -> list[ScoredText]:
    """What a model makes of whole texts, for ``token_perplexity``, ``word_perplexity`` and ``bits_per_byte``.

    Args:
        engine: The model.
        texts: What to score; a text may be longer than the model's context.
        window: The most tokens that are read together, 2 to the model's context.
        stride: How many tokens each window adds, 1 to ``window - 1``: the smaller, the more context each token has, and
            the longer it takes.

    Raises:
        InvalidInput: The window or the stride is out of range: all faults.
    """
    answers = engine.rolling_loglikelihood(texts, window=window, stride=stride)
    return [ScoredText(text, answer.logprob, answer.tokens) for text, answer in zip(texts, answers, strict=True)]
