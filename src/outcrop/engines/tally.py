"""What the work of an engine cost so far."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

#: Counts among the figures that say how log-likelihoods were read.
TRIE_COUNTS = ("trie_tokens", "trie_nodes", "trie_cells", "trie_padding")


@dataclass
class Tally:
    """Counts that an engine keeps while it works.

    Attributes:
        prompt_tokens: Tokens of the prompts that were answered.
        prefill_tokens: Tokens that ran to read them; what prompts share runs once.
        prefill_cells: The same with the padding.
        tokens: Tokens that were generated.
        scored_tokens: Tokens that were read for log-likelihoods and embeddings.
        trie_tokens: Tokens that would have run for log-likelihoods if each text had been read by itself.
        trie_nodes: Distinct beginnings among the texts of log-likelihoods: the fewest tokens that had to run.
        trie_cells: Tokens that ran for them, the padding included.
        trie_padding: The padding among these.
        seconds: Time spent on generation.
        scoring_seconds: Time spent on log-likelihoods and embeddings.
        near_ties: Steps at which the two best tokens lay close together.
    """

    prompt_tokens: int = 0
    prefill_tokens: int = 0
    prefill_cells: int = 0
    tokens: int = 0
    scored_tokens: int = 0
    trie_tokens: int = 0
    trie_nodes: int = 0
    trie_cells: int = 0
    trie_padding: int = 0
    seconds: float = 0.0
    scoring_seconds: float = 0.0
    near_ties: int = 0

    def read(self, rows: int, longest: int, tokens: int) -> None:
        """Count a pass over so many rows of prompts, padded to the longest, that hold so many tokens."""
        self.prefill_cells += rows * longest
        self.prefill_tokens += tokens

    @contextmanager
    def generating(self) -> Iterator[None]:
        """Count the time of the block as generation."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """Count the time of the block as scoring."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.scoring_seconds += time.perf_counter() - start

    def figures(self) -> dict[str, float]:
        """The counts by name, and what they say about the work.

        ``tokens_per_second`` is of generation, ``padding_share`` of reading the prompts. ``trie_efficiency`` is the
        share of the tokens run for log-likelihoods that had to run; 1 where none ran.
        """
        return {
            "prompt_tokens": float(self.prompt_tokens),
            "tokens": float(self.tokens),
            "seconds": self.seconds,
            "tokens_per_second": self.tokens / self.seconds if self.seconds else 0.0,
            "padding_share": 1 - self.prefill_tokens / self.prefill_cells if self.prefill_cells else 0.0,
            "near_ties": float(self.near_ties),
            "scored_tokens": float(self.scored_tokens),
            **{name: float(getattr(self, name)) for name in TRIE_COUNTS},
            "trie_efficiency": self.trie_nodes / self.trie_cells if self.trie_cells else 1.0,
            "scoring_seconds": self.scoring_seconds,
        }
