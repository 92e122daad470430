"""Decoding: rows of one network that are computed side by side, token by token, until each has ended."""

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
from outcrop.engines.sampling import Picks, dice, pick
from outcrop.engines.stopping import settled
from outcrop.engines.tally import Tally
from outcrop.engines.trie import common_beginning
from outcrop.models.chat import ChatTokenizer

#: A pass of its own costs about as much as this many tokens, so what prompts share is read once from here on.
LEAST_BEGINNING = 16
# Waiting rows join when this share of the places is free: each joining is a pass of its own.
_FREE_SHARE = 1 / 8


@dataclass(kw_only=True, eq=False)
class Row(Draft):
    """A draft, how it is generated, what computes it, its own random numbers, and how much of its text was told.

    The views of rows that run side by side share one network.
    """

    view: View
    parameters: GenerationParameters
    dice: Random
    told: int = 0

    def fresh(self) -> str:
        """What of the text is certain and was not told yet; it counts as told then."""
        certain = len(self.text) if self.reason else settled(self.text, self.parameters.stop)
        piece, self.told = self.text[self.told : certain], max(self.told, certain)
        return piece


def new_row(prompt: Prompt, view: View, tokens: list[int], parameters: GenerationParameters, context: int) -> Row:
    """A row that has not begun; its limit is what the parameters and the model's context leave."""
    return Row(
        number=prompt.number,
        prompt=tokens,
        limit=min(parameters.max_tokens, context - len(tokens)),
        view=view,
        parameters=parameters,
        dice=dice(parameters.seed, prompt.number),
    )


class Running:
    """Rows that run side by side: each gets a token a step, some leave, others come in between.

    Args:
        tokenizer: Says which tokens end a turn, and decodes.
        tally: Where the work is counted.
        watched: Whether each row's text is wanted after each step.
    """

    def __init__(self, tokenizer: ChatTokenizer, tally: Tally, *, watched: bool = False) -> None:
        self._tokenizer = tokenizer
        self._tally = tally
        self._watched = watched
        self._lanes: Lanes
        self.live: list[Row] = []

    @torch.no_grad()
    def step(self) -> None:
        """Give every row its next token."""
        positions = [len(row.prompt) + len(row.tokens) - 1 for row in self.live]
        view = view_of([row.view for row in self.live])
        states = self._lanes.read(view, [row.tokens[-1] for row in self.live], positions)
        self.live = self._take(self.live, self._lanes, view.head(states))

    @torch.no_grad()
    def join(self, rows: list[Row], lanes: Lanes, states: Tensor) -> None:
        """Give rows that have read their prompts their first token, and put those that go on beside the others.

        Args:
            rows: They have not begun, or waited again.
            lanes: Theirs.
            states: Last hidden states of their prompts, ``(rows, width)``.
        """
        # A row that waited again has been counted.
        self._tally.prompt_tokens += sum(len(row.prompt) for row in rows if not row.tokens)
        going = self._take(rows, lanes, view_of([row.view for row in rows]).head(states))
        if not self.live:
            self._lanes = lanes
        elif going:
            self._lanes.append(lanes)
        self.live += going

    def drop(self, row: Row) -> None:
        """Let a row go that has not ended."""
        place = self.live.index(row)
        order = order_without({place}, len(self.live))
        if order:
            self._lanes.keep(order)
        self.live = [self.live[place] for place in order]

    def _take(self, rows: list[Row], lanes: Lanes, logits: Tensor) -> list[Row]:
        """Give each row its next token, logits are ``(rows, vocabulary)``; the rows that go on."""
        picks = pick_rows(rows, logits)
        for row, token, logprob, near in zip(rows, picks.tokens, picks.logprobs, picks.near_ties, strict=True):
            row.take(token, logprob, near)
            row.close(self._tokenizer, row.parameters.stop, watched=self._watched)
        self._tally.tokens += len(rows)
        self._tally.near_ties += sum(picks.near_ties)
        order = order_without({place for place, row in enumerate(rows) if row.reason}, len(rows))
        if order and len(order) < len(rows):
            lanes.keep(order)
        return [rows[place] for place in order]


def pick_rows(rows: Sequence[Row], logits: Tensor) -> Picks:
    """Choose the next token of each row by its own parameters and its own next random number.

    Args:
        rows: One or more.
        logits: Theirs, ``(rows, vocabulary)``.
    """
    draws = torch.tensor([row.dice.random() for row in rows], dtype=torch.float64, device=logits.device)
    groups: dict[tuple[float, float, int], list[int]] = {}
    for place, row in enumerate(rows):
        asked = row.parameters
        # What is not sampled is all the same.
        key = (asked.temperature, asked.top_p, asked.top_k) if asked.temperature else (0.0, 1.0, 0)
        groups.setdefault(key, []).append(place)
    if len(groups) == 1:
        return pick(logits, rows[0].parameters, draws)
    found: dict[int, tuple[int, float, bool]] = {}
    for places in groups.values():
        picks = pick(logits[places], rows[places[0]].parameters, draws[places])
        found |= dict(zip(places, zip(picks.tokens, picks.logprobs, picks.near_ties, strict=True), strict=True))
    tokens, logprobs, near_ties = zip(*(found[place] for place in range(len(rows))), strict=True)
    return Picks(list(tokens), list(logprobs), list(near_ties))


class Decoding:
    """A planned batch in progress: waiting rows take the places of those that end.

    What all prompts of the batch begin with is read once.

    Args:
        tokenizer: Says which tokens end a turn, and decodes.
        rows: What to answer, one or more; they are filled in place.
        side_by_side: The most rows that run together.
        tally: Where the work is counted.
        watched: Whether each row's text is wanted after each step.
    """

    def __init__(
        self, tokenizer: ChatTokenizer, rows: Sequence[Row], side_by_side: int, tally: Tally, *, watched: bool = False
    ) -> None:
        self._places = side_by_side
        self._tally = tally
        # Longest first: a row that joins has no more tokens than those that are there.
        self._waiting = sorted(rows, key=lambda row: -len(row.prompt))
        self._running = Running(tokenizer, tally, watched=watched)
        self._refills = takes_rows(new_cache(rows[0].view.config))
        self._shared = shared_beginning([row.prompt for row in rows]) if self._refills else 0
        self._beginning: Beginning | None = None

    def steps(self) -> Iterator[None]:
        """Run until all rows have ended; pauses after each token that some row goes on from."""
        while self._step():
            yield

    def _step(self) -> bool:
        """Give some rows their next token and let ended rows go; False where none is left."""
        with self._tally.generating():
            if self._waiting and self._has_room():
                self._join()
            else:
                self._running.step()
        return bool(self._running.live or self._waiting)

    def _has_room(self) -> bool:
        live = len(self._running.live)
        return not live or (self._refills and self._places - live >= max(1, self._places * _FREE_SHARE))

    @torch.no_grad()
    def _join(self) -> None:
        """Read waiting prompts, and let them run beside the others."""
        free = self._places - len(self._running.live)
        rows, self._waiting = self._waiting[:free], self._waiting[free:]
        for row in rows:
            row.join()
        views, own = [row.view for row in rows], [row.prompt[self._shared :] for row in rows]
        lanes = self._begun(rows).lanes(views)
        self._tally.read(len(own), max(map(len, own)), sum(map(len, own)))
        (states,) = lanes.read_prompts(view_of(views), own)
        self._running.join(rows, lanes, states)

    def _begun(self, rows: list[Row]) -> Beginning:
        if self._beginning is None:
            every = [row.view for row in (*rows, *self._waiting)]
            self._beginning = Beginning(every, rows[0].prompt[: self._shared])
            self._tally.read(1, self._beginning.cells, self._beginning.cells)
        return self._beginning


def shared_beginning(prompts: Sequence[list[int]]) -> int:
    """How many tokens all prompts begin with, but for each one's last; 0 where it does not pay to read them apart."""
    if len(prompts) < 2:
        return 0
    common = min(common_beginning(min(prompts), max(prompts)), min(map(len, prompts)) - 1)
    return common if common >= LEAST_BEGINNING else 0
