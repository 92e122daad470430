"""From logits to the next token, greedy or sampled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from outcrop.domain.generation import GenerationParameters

#: Logits that lie closer than this may change places with the batch mates.
NEAR_TIE = 1e-3

# A sort of the whole vocabulary costs more than the rest of a step (49,152 tokens, 32 rows, two cores: 80 ms against
# 7 ms for the best 1,024), and these nearly always hold the mass that is asked for.
_USUALLY_ENOUGH = 1024


@dataclass(frozen=True)
class Picks:
    """The next token of each row, its log-probability under the model, and whether the two best lay close together."""

    tokens: list[int]
    logprobs: list[float]
    near_ties: list[bool]


def dice(seed: int, number: int) -> Random:
    """The random numbers of one prompt: a function of the seed and the prompt's number alone."""
    digest = hashlib.sha256(f"outcrop sample {seed} {number}".encode()).digest()
    return Random(int.from_bytes(digest, "big"))


def pick(logits: Tensor, parameters: GenerationParameters, draws: Tensor) -> Picks:
    """Choose the next token of each row.

    Args:
        logits: Raw logits, ``(rows, vocabulary)``, float32.
        parameters: Temperature 0 takes the best token, anything above samples.
        draws: One number in [0, 1) per row, ``(rows,)``, float64; not looked at where the temperature is 0.
    """
    tokens = logits.argmax(dim=1) if parameters.temperature == 0 else sample(logits, parameters, draws)
    logprobs = logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(dim=1)
    best = logits.topk(min(2, logits.shape[1]), dim=1).values
    near = (best[:, 0] - best[:, -1]) < NEAR_TIE
    return Picks(tokens.tolist(), logprobs.tolist(), near.tolist())


def sample(logits: Tensor, parameters: GenerationParameters, draws: Tensor) -> Tensor:
    """Sample a token per row: temperature first, then the ``top_k`` best, then the smallest set with ``top_p``.

    Args:
        logits: Raw logits, ``(rows, vocabulary)``.
        parameters: With a temperature above 0.
        draws: One number in [0, 1) per row, ``(rows,)``, float64.

    Returns:
        Ids, ``(rows,)``.
    """
    exact = logits.double()
    weights = torch.softmax((exact - exact.amax(dim=1, keepdim=True)) / parameters.temperature, dim=1)
    vocabulary = weights.shape[1]
    if parameters.top_k:
        best = weights.topk(min(parameters.top_k, vocabulary), dim=1)
        shares = best.values / best.values.sum(dim=1, keepdim=True)
        return _among(_smallest_set(shares, parameters.top_p), best.indices, draws)
    if parameters.top_p == 1:
        return _place(weights, draws)
    return _sample_mass(weights, parameters.top_p, draws)


def _sample_mass(weights: Tensor, top_p: float, draws: Tensor) -> Tensor:
    """Sample from the smallest set with the mass ``top_p``; each row decides by itself whether it needs a full sort."""
    best = weights.topk(min(_USUALLY_ENOUGH, weights.shape[1]), dim=1)
    tokens = _among(_smallest_set(best.values, top_p), best.indices, draws)
    short = (best.values.sum(dim=1) < top_p).nonzero()[:, 0]
    if len(short) and best.values.shape[1] < weights.shape[1]:
        ordered = weights[short].sort(dim=1, descending=True, stable=True)
        tokens[short] = _among(_smallest_set(ordered.values, top_p), ordered.indices, draws[short])
    return tokens


def _smallest_set(ordered: Tensor, top_p: float) -> Tensor:
    """Descending weights with those set to 0 that the mass ``top_p`` is complete without."""
    before = ordered.cumsum(dim=1) - ordered
    return torch.where(before < top_p, ordered, 0.0)


def _among(weights: Tensor, tokens: Tensor, draws: Tensor) -> Tensor:
    return tokens.gather(1, _place(weights, draws)[:, None])[:, 0]


def _place(weights: Tensor, draws: Tensor) -> Tensor:
    """The first place whose cumulated weight exceeds the draw's share of the total."""
    edges = weights.cumsum(dim=1)
    total = edges[:, -1:]
    places = (edges <= draws[:, None] * total).sum(dim=1)
    # The draw's product with the total may round up to the total; the last place with any weight is meant then.
    last = (edges < total).sum(dim=1)
    return torch.minimum(places, last)
