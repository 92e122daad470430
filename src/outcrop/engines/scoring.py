"""Log-probabilities of given texts, and embeddings: one pass over right-padded batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from outcrop.domain.errors import NotSupported
from outcrop.domain.generation import LogLikelihood
from outcrop.engines.adapters import View

# Rows of logits at a time: 256 rows of a vocabulary of 150,000 are 150 MB in float32.
_CHUNK = 256


@dataclass(frozen=True)
class Continuation:
    """Tokens of which those from ``start`` on are scored; ``start`` is 1 or more."""

    tokens: list[int]
    start: int


@torch.no_grad()
def loglikelihoods(network: View, batch: Sequence[Continuation]) -> list[LogLikelihood]:
    """Score continuations in one pass; the head runs only where a token is scored."""
    tokens, mask, positions = _pad([item.tokens for item in batch], network.device)
    states = network.hidden(tokens, mask, positions)
    spots = [(row, place) for row, item in enumerate(batch) for place in range(item.start, len(item.tokens))]
    logprobs: list[float] = []
    best: list[bool] = []
    for first in range(0, len(spots), _CHUNK):
        rows, places = torch.tensor(spots[first : first + _CHUNK], device=network.device).T
        logits = network.head(states[rows, places - 1])
        wanted = tokens[rows, places]
        logprobs += (logits.gather(1, wanted[:, None])[:, 0] - logits.logsumexp(dim=1)).tolist()
        best += (logits.argmax(dim=1) == wanted).tolist()
    return _per_row(batch, logprobs, best)


def joined(parts: Sequence[LogLikelihood]) -> LogLikelihood:
    """The log-probability of a text from those of its parts; the sum is rounded once."""
    each = tuple(logprob for part in parts for logprob in part.token_logprobs)
    return LogLikelihood(math.fsum(each), len(each), all(part.greedy for part in parts), each)


@torch.no_grad()
def embeddings(network: View, batch: Sequence[list[int]]) -> NDArray[np.float32]:
    """Mean of the last hidden states over a text's tokens, scaled to length 1: ``(texts, width)``.

    Raises:
        NotSupported: The network does not show its hidden states.
    """
    tokens, mask, positions = _pad(batch, network.device)
    states = network.hidden(tokens, mask, positions)
    width = embedding_width(network)
    if states.shape[-1] != width:
        raise NotSupported(f"the model shows no hidden states of width {width}; embed with another model")
    weights = mask[:, :, None].float()
    means = (states.float() * weights).sum(dim=1) / weights.sum(dim=1)
    vectors: NDArray[np.float32] = torch.nn.functional.normalize(means, dim=1).cpu().numpy()
    return vectors


def embedding_width(network: View) -> int:
    """How long an embedding is."""
    return int(network.config.get_text_config().hidden_size)


def _pad(rows: Sequence[list[int]], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Ids padded on the right, mask and positions: each ``(rows, longest)``."""
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    places = torch.arange(longest, device=device)[None].expand(len(rows), -1)
    return tokens, (places < lengths[:, None]).long(), places


def _per_row(batch: Sequence[Continuation], logprobs: list[float], best: list[bool]) -> list[LogLikelihood]:
    results, first = [], 0
    for item in batch:
        last = first + len(item.tokens) - item.start
        each = tuple(logprobs[first:last])
        results.append(LogLikelihood(sum(each), len(each), all(best[first:last]), each))
        first = last
    return results
