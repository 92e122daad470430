"""The decode loop: one batch of prompts, token by token, until every row has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import torch
from torch import Tensor

from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.engines.adapters import View
from outcrop.engines.cache import new_cache, order_without
from outcrop.engines.sampling import dice, pick
from outcrop.engines.stopping import first_stop
from outcrop.engines.tally import Tally
from outcrop.models.chat import ChatTokenizer


@dataclass
class Row:
    """One prompt on its way to a response.

    Attributes:
        number: The prompt's number.
        prompt: The prompt's tokens.
        limit: The most tokens it may get.
        dice: Its own random numbers.
        text: What it says so far, kept up where stop sequences or a reader need it; at the end, the response's text.
        reason: Why it ended; "" while it goes on.
    """

    number: int
    prompt: list[int]
    limit: int
    dice: Random
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    near_ties: int = 0
    text: str = ""
    reason: str = ""

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
        )


def new_row(prompt: Prompt, tokens: list[int], parameters: GenerationParameters, context: int) -> Row:
    """A row that has not begun; its limit is what the parameters and the model's context leave."""
    limit = min(parameters.max_tokens, context - len(tokens))
    return Row(prompt.number, tokens, limit, dice(parameters.seed, prompt.number))


class Decoding:
    """A batch in progress; rows leave it when they end.

    Args:
        network: The model.
        tokenizer: Says which tokens end a turn, and decodes.
        rows: What to answer; they are filled in place.
        parameters: How to choose tokens and when to stop.
        tally: Where the work is counted.
        watched: Whether each row's text is wanted after each step.
    """

    def __init__(
        self,
        network: View,
        tokenizer: ChatTokenizer,
        rows: Sequence[Row],
        parameters: GenerationParameters,
        tally: Tally,
        *,
        watched: bool = False,
    ) -> None:
        self._network = network
        self._tokenizer = tokenizer
        self._live = list(rows)
        self._parameters = parameters
        self._tally = tally
        self._keeps_text = watched or bool(parameters.stop)
        self._cache = new_cache(network.config)
        self._tokens, self._mask = self._pad()
        self._positions = (self._mask.cumsum(dim=1) - 1).clamp(min=0)

    def steps(self) -> Iterator[None]:
        """Run until all rows have ended; pauses after each token that some row goes on from."""
        while self._step():
            yield

    @torch.no_grad()
    def _step(self) -> bool:
        """Read what is new, choose a token for each row, let ended rows go; False where none is left."""
        with self._tally.generating():
            states = self._network.hidden(self._tokens, self._mask, self._positions, self._cache)
            self._take(self._network.head(states[:, -1]))
            self._release({place for place, row in enumerate(self._live) if row.reason})
            self._extend()
        return bool(self._live)

    def _pad(self) -> tuple[Tensor, Tensor]:
        """Prompts padded on the left, so that all rows go on at the same place: ids and mask, ``(rows, longest)``."""
        longest = max(len(row.prompt) for row in self._live)
        gaps = [longest - len(row.prompt) for row in self._live]
        pad = self._tokenizer.pad_id
        tokens = [[pad] * gap + row.prompt for gap, row in zip(gaps, self._live, strict=True)]
        mask = [[0] * gap + [1] * (longest - gap) for gap in gaps]
        self._tally.prompt_tokens += sum(map(sum, mask))
        self._tally.prefill_cells += longest * len(mask)
        device = self._network.device
        return torch.tensor(tokens, device=device), torch.tensor(mask, device=device)

    def _take(self, logits: Tensor) -> None:
        """Give each row its next token; logits are ``(rows, vocabulary)``."""
        draws = [row.dice.random() for row in self._live]
        picks = pick(logits, self._parameters, torch.tensor(draws, dtype=torch.float64, device=logits.device))
        for row, token, logprob, near in zip(self._live, picks.tokens, picks.logprobs, picks.near_ties, strict=True):
            row.tokens.append(token)
            row.logprobs.append(logprob)
            row.near_ties += near
            self._close(row)
        self._tally.tokens += len(self._live)
        self._tally.near_ties += sum(picks.near_ties)

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

    def _release(self, ended: set[int]) -> None:
        """Take ended rows out of the batch."""
        order = order_without(ended, len(self._live))
        self._live = [self._live[place] for place in order]
        if ended and order:
            index = torch.tensor(order, device=self._network.device)
            self._cache.batch_select_indices(index)
            self._mask, self._positions = self._mask[index], self._positions[index]

    def _extend(self) -> None:
        """Make the tokens just chosen the next ones to read."""
        if not self._live:
            return
        self._tokens = torch.tensor([[row.tokens[-1]] for row in self._live], device=self._network.device)
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        self._positions = self._positions[:, -1:] + 1
