"""The decode loop: one batch of prompts, token by token, until every row has ended.

So many rows run side by side; where some have ended, waiting ones take their places. What all prompts of the batch
begin with is read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.engines.adapters import View, view_of
from outcrop.engines.cache import new_cache, order_without, takes_rows
from outcrop.engines.draft import Draft
from outcrop.engines.lanes import Beginning, Lanes
from outcrop.engines.sampling import dice, pick
from outcrop.engines.tally import Tally
from outcrop.engines.trie import common_beginning
from outcrop.models.chat import ChatTokenizer

# A pass of its own costs about as much as this many tokens, so what prompts share is read once from here on.
_LEAST_BEGINNING = 16
# Waiting rows join when this share of the places is free: each joining is a pass of its own.
_FREE_SHARE = 1 / 8


@dataclass(kw_only=True)
class Row(Draft):
    """A draft, what computes it (the views of a batch share one network), and its own random numbers."""

    view: View
    dice: Random


def new_row(prompt: Prompt, view: View, tokens: list[int], parameters: GenerationParameters, context: int) -> Row:
    """A row that has not begun; its limit is what the parameters and the model's context leave."""
    limit = min(parameters.max_tokens, context - len(tokens))
    return Row(number=prompt.number, prompt=tokens, limit=limit, view=view, dice=dice(parameters.seed, prompt.number))


class Decoding:
    """A batch in progress; rows leave it when they end.

    Args:
        tokenizer: Says which tokens end a turn, and decodes.
        rows: What to answer, one or more; they are filled in place.
        side_by_side: The most rows that run together.
        parameters: How to choose tokens and when to stop.
        tally: Where the work is counted.
        watched: Whether each row's text is wanted after each step.
    """

    def __init__(
        self,
        tokenizer: ChatTokenizer,
        rows: Sequence[Row],
        side_by_side: int,
        parameters: GenerationParameters,
        tally: Tally,
        *,
        watched: bool = False,
    ) -> None:
        self._tokenizer = tokenizer
        self._places = side_by_side
        self._parameters = parameters
        self._tally = tally
        self._watched = watched
        # Longest first: a row that joins has no more tokens than those that are there.
        self._waiting = sorted(rows, key=lambda row: -len(row.prompt))
        self._live: list[Row] = []
        self._lanes: Lanes
        self._refills = takes_rows(new_cache(rows[0].view.config))
        self._shared = _shared([row.prompt for row in rows]) if self._refills else 0
        self._beginning: Beginning | None = None

    def steps(self) -> Iterator[None]:
        """Run until all rows have ended; pauses after each token that some row goes on from."""
        while self._step():
            yield

    @torch.no_grad()
    def _step(self) -> bool:
        """Give some rows their next token and let ended rows go; False where none is left."""
        with self._tally.generating():
            if self._waiting and self._has_room():
                self._join()
            else:
                positions = [len(row.prompt) + len(row.tokens) - 1 for row in self._live]
                view = view_of([row.view for row in self._live])
                states = self._lanes.read(view, [row.tokens[-1] for row in self._live], positions)
                self._live = self._take(self._live, self._lanes, view.head(states))
        return bool(self._live or self._waiting)

    def _has_room(self) -> bool:
        free = self._places - len(self._live)
        return not self._live or (self._refills and free >= max(1, self._places * _FREE_SHARE))

    def _join(self) -> None:
        """Read waiting prompts, give each row its first token, and put those that go on beside the others."""
        free = self._places - len(self._live)
        rows, self._waiting = self._waiting[:free], self._waiting[free:]
        for row in rows:
            row.join()
        views, own = [row.view for row in rows], [row.prompt[self._shared :] for row in rows]
        view, lanes = view_of(views), self._begun(rows).lanes(views)
        logits = view.head(lanes.read_prompts(view, own))
        self._tally.read(len(own), max(map(len, own)), sum(map(len, own)))
        self._tally.prompt_tokens += sum(len(row.prompt) for row in rows)
        rows = self._take(rows, lanes, logits)
        if not self._live:
            self._lanes = lanes
        elif rows:
            self._lanes.append(lanes)
        self._live += rows

    def _begun(self, rows: list[Row]) -> Beginning:
        if self._beginning is None:
            every = [row.view for row in (*rows, *self._waiting)]
            self._beginning = Beginning(every, rows[0].prompt[: self._shared])
            self._tally.read(1, self._beginning.cells, self._beginning.cells)
        return self._beginning

    def _take(self, rows: list[Row], lanes: Lanes, logits: Tensor) -> list[Row]:
        """Give each row its next token, logits are ``(rows, vocabulary)``; the rows that go on."""
        draws = [row.dice.random() for row in rows]
        picks = pick(logits, self._parameters, torch.tensor(draws, dtype=torch.float64, device=logits.device))
        for row, token, logprob, near in zip(rows, picks.tokens, picks.logprobs, picks.near_ties, strict=True):
            row.take(token, logprob, near)
            row.close(self._tokenizer, self._parameters.stop, watched=self._watched)
        self._tally.tokens += len(rows)
        self._tally.near_ties += sum(picks.near_ties)
        order = order_without({place for place, row in enumerate(rows) if row.reason}, len(rows))
        if order and len(order) < len(rows):
            lanes.keep(order)
        return [rows[place] for place in order]


def _shared(prompts: Sequence[list[int]]) -> int:
    """How many tokens all prompts begin with, but for each one's last; 0 where it does not pay to read them apart."""
    if len(prompts) < 2:
        return 0
    common = min(common_beginning(min(prompts), max(prompts)), min(map(len, prompts)) - 1)
    return common if common >= _LEAST_BEGINNING else 0
