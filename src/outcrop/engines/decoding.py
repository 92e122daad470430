"""The decode loop: one batch of prompts, token by token, until every row has ended.

So many rows run side by side; where some have ended, waiting ones take their places. What all prompts of the batch
begin with is read once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import torch
from torch import Tensor

from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.engines.adapters import View, view_of
from outcrop.engines.cache import new_cache, order_without, takes_rows
from outcrop.engines.lanes import Beginning, Lanes
from outcrop.engines.sampling import dice, pick
from outcrop.engines.stopping import first_stop
from outcrop.engines.tally import Tally
from outcrop.engines.trie import common_beginning
from outcrop.models.chat import ChatTokenizer

# A pass of its own costs about as much as this many tokens, so what prompts share is read once from here on.
_LEAST_BEGINNING = 16
# Waiting rows join when this share of the places is free: each joining is a pass of its own.
_FREE_SHARE = 1 / 8


@dataclass
class Row:
    """One prompt on its way to a response.

    Attributes:
        number: The prompt's number.
        view: What computes it; the views of a batch share one network.
        prompt: The prompt's tokens.
        limit: The most tokens it may get.
        dice: Its own random numbers.
        text: What it says so far, kept up where stop sequences or a reader need it; at the end, the response's text.
        reason: Why it ended; "" while it goes on.
        joined: When it took its place in the batch, in seconds of ``time.perf_counter``.
        latency: Seconds from then to its last token, once it has ended.
    """

    number: int
    view: View
    prompt: list[int]
    limit: int
    dice: Random
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    near_ties: int = 0
    text: str = ""
    reason: str = ""
    joined: float = 0.0
    latency: float = 0.0

    def response(self) -> Response:
        """The finished row as a response."""
        return Response(
            number=self.number,
            text=self.text,
            stop_reason=self.reason,
            prompt_tokens=len(self.prompt),
            tokens=tuple(self.tokens),
            logprobs=tuple(self.logprobs),
            near_ties=self.near_ties,
            latency=self.latency,
        )


def new_row(prompt: Prompt, view: View, tokens: list[int], parameters: GenerationParameters, context: int) -> Row:
    """A row that has not begun; its limit is what the parameters and the model's context leave."""
    limit = min(parameters.max_tokens, context - len(tokens))
    return Row(prompt.number, view, tokens, limit, dice(parameters.seed, prompt.number))


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
        self._keeps_text = watched or bool(parameters.stop)
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
        joined = time.perf_counter()
        for row in rows:
            row.joined = joined
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
            row.tokens.append(token)
            row.logprobs.append(logprob)
            row.near_ties += near
            self._close(row)
        self._tally.tokens += len(rows)
        self._tally.near_ties += sum(picks.near_ties)
        ended = {place for place, row in enumerate(rows) if row.reason}
        for place in ended:
            rows[place].latency = time.perf_counter() - rows[place].joined
        order = order_without(ended, len(rows))
        if order and len(order) < len(rows):
            lanes.keep(order)
        return [rows[place] for place in order]

    def _close(self, row: Row) -> None:
        """Set the reason and the text of a row that ends with its last token."""
        if row.tokens[-1] in self._tokenizer.stop_ids:
            row.reason, row.text = "end_turn", self._tokenizer.decode(row.tokens[:-1])
            return
        full = len(row.tokens) == row.limit
        if self._keeps_text or full:
            row.text = self._tokenizer.decode(row.tokens)
        stop = first_stop(row.text, self._parameters.stop)
        if stop is not None:
            row.reason, row.text = "stop_sequence", row.text[:stop]
        elif full:
            row.reason = "max_tokens"


def _shared(prompts: Sequence[list[int]]) -> int:
    """How many tokens all prompts begin with, but for each one's last; 0 where it does not pay to read them apart."""
    if len(prompts) < 2:
        return 0
    common = min(common_beginning(min(prompts), max(prompts)), min(map(len, prompts)) - 1)
    return common if common >= _LEAST_BEGINNING else 0
