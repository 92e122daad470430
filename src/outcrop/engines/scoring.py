"""Log-probabilities of given texts, what they begin with alike computed once; and embeddings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from outcrop.domain.errors import NotSupported
from outcrop.domain.generation import LogLikelihood
from outcrop.engines.adapters import View
from outcrop.engines.encoding import Continuation
from outcrop.engines.planning import Limits, cut
from outcrop.engines.tally import Tally
from outcrop.engines.tree_attention import KeptBeginning, stretches
from outcrop.engines.trie import Nodes, Trie

# Rows of logits at a time: 256 rows of a vocabulary of 150,000 are 150 MB in float32.
_CHUNK = 256


@torch.no_grad()
def loglikelihoods(network: View, items: Sequence[Continuation], limits: Limits, tally: Tally) -> list[LogLikelihood]:
    """Score continuations; what they begin with alike runs once, the head only where a token is scored.

    The last token of a continuation depends on those before it and is never read itself, so continuations of one token
    cost no more than their context.

    Returns:
        In the order of the items.
    """
    trie = Trie(item.tokens[:-1] for item in items)
    wanted = _Wanted(trie, items)
    trees = network.runs_trees(max(map(len, trie.rows), default=0))
    cells = 0
    for states, nodes in (_tree if trees else _rows)(network, trie, limits):
        wanted.read(network, states, nodes)
        cells += len(nodes)
    tally.trie_tokens += sum(len(item.tokens) - 1 for item in items)
    tally.trie_nodes += len(trie)
    tally.trie_cells += cells
    tally.trie_padding += 0 if trees else cells - sum(map(len, trie.rows))
    return wanted.results()


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


def _tree(network: View, trie: Trie, limits: Limits) -> Iterator[tuple[Tensor, Nodes]]:
    """Hidden states, ``(tokens, width)``, and the node of each: branches side by side in one row, without padding."""
    device, beginning = network.device, KeptBeginning(network.config)
    for part in trie.parts(limits.tokens):
        tokens, places = (torch.tensor([line], device=device) for line in (trie.tokens(part), trie.depths(part)))
        found = stretches(trie, part, device)
        yield network.tree_hidden(tokens, places, found, beginning.open(part))[0], trie.nodes(part)


def _rows(network: View, trie: Trie, limits: Limits) -> Iterator[tuple[Tensor, Nodes]]:
    """The same from padded batches of whole rows, which every network can compute; -1 where a node comes again."""
    for batch in cut([len(row) for row in trie.rows], limits):
        tokens, mask, positions = _pad([list(trie.rows[row]) for row in batch], network.device)
        nodes = np.full(tokens.shape, -1)
        for place, row in enumerate(batch):
            nodes[place, trie.shared[row] : len(trie.rows[row])] = np.arange(trie.first[row], trie.first[row + 1])
        yield network.hidden(tokens, mask, positions).flatten(0, 1), nodes.ravel()


class _Wanted:
    """Which tokens are scored after which nodes; each such pair is looked up once."""

    def __init__(self, trie: Trie, items: Sequence[Continuation]) -> None:
        after = [trie.path(item.tokens[:-1])[item.start - 1 :] for item in items]
        self._ends = np.cumsum([len(nodes) for nodes in after])
        targets = np.array([token for item in items for token in item.tokens[item.start :]], np.int64)
        self._base = int(targets.max(initial=0)) + 1
        codes = np.concatenate([*after, np.empty(0, np.int64)]) * self._base + targets
        self._pairs, self._places = np.unique(codes, return_inverse=True)
        # Where the pairs of each node begin; node -1 is the last, and has none.
        self._first = np.searchsorted(self._pairs, np.arange(len(trie) + 2) * self._base)
        self._logprobs = np.empty(len(self._pairs))
        self._best = np.empty(len(self._pairs), bool)

    def read(self, network: View, states: Tensor, nodes: Nodes) -> None:
        """Score what is wanted after these nodes; states are ``(tokens, width)``."""
        counts = np.diff(self._first)[nodes]
        cells = np.flatnonzero(counts)
        for chunk in (cells[begin : begin + _CHUNK] for begin in range(0, len(cells), _CHUNK)):
            logits = network.head(states[torch.from_numpy(chunk).to(states.device)])
            rows = np.repeat(np.arange(len(chunk)), counts[chunk])
            steps = np.arange(len(rows)) - np.repeat(np.cumsum(counts[chunk]) - counts[chunk], counts[chunk])
            pairs = np.repeat(self._first[nodes[chunk]], counts[chunk]) + steps
            self._fill(logits, rows, pairs)

    def _fill(self, logits: Tensor, rows: Nodes, pairs: Nodes) -> None:
        row, token = (torch.from_numpy(each).to(logits.device) for each in (rows, self._pairs[pairs] % self._base))
        self._logprobs[pairs] = (logits[row, token] - logits.logsumexp(dim=1)[row]).cpu().numpy()
        self._best[pairs] = (logits.argmax(dim=1)[row] == token).cpu().numpy()

    def results(self) -> list[LogLikelihood]:
        """What was asked for, item by item."""
        logprobs, best = self._logprobs[self._places], self._best[self._places]
        spans = pairwise([0, *self._ends.tolist()])
        return [_result(logprobs[begin:end].tolist(), bool(best[begin:end].all())) for begin, end in spans]


def _result(logprobs: Sequence[float], greedy: bool) -> LogLikelihood:
    return LogLikelihood(sum(logprobs), len(logprobs), greedy, tuple(logprobs))
