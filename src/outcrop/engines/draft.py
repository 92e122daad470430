"""A response while it is being written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from outcrop.domain.generation import Response
from outcrop.engines.stopping import first_stop, stop_at
from outcrop.models.chat import ChatTokenizer


@dataclass(eq=False)
class Draft:
    """One prompt on its way to a response.

    Attributes:
        number: The prompt's number.
        prompt: The prompt's tokens.
        limit: The most tokens it may get.
        text: What it says so far, kept up where stop sequences or a reader need it; at the end, the response's text.
        reason: Why it ended; "" while it goes on.
        stop: The stop text that ended it; "" where none did.
        joined: When it took its place among those that are computed, in seconds of ``time.perf_counter``.
        latency: Seconds from then to its last token, once it has ended.
    """

    number: int
    prompt: list[int]
    limit: int
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    near_ties: int = 0
    text: str = ""
    reason: str = ""
    stop: str = ""
    joined: float = 0.0
    latency: float | None = None

    def join(self) -> None:
        """Take a place among those that are computed."""
        self.joined = time.perf_counter()

    def take(self, token: int, logprob: float, near_tie: bool) -> None:
        """Go on with a token."""
        self.tokens.append(token)
        self.logprobs.append(logprob)
        self.near_ties += near_tie

    def close(self, tokenizer: ChatTokenizer, stop: Sequence[str], *, watched: bool = False) -> None:
        """Set the reason, the text and the latency if the last token was the end.

        Args:
            tokenizer: Says which tokens end a turn, and decodes.
            stop: Texts that end a response.
            watched: Whether the text is wanted although it goes on.
        """
        self._set_reason(tokenizer, stop, watched)
        if self.reason:
            self.latency = time.perf_counter() - self.joined

    def _set_reason(self, tokenizer: ChatTokenizer, stop: Sequence[str], watched: bool) -> None:
        if self.tokens[-1] in tokenizer.stop_ids:
            self.reason, self.text = "end_turn", tokenizer.decode(self.tokens[:-1])
            return
        full = len(self.tokens) == self.limit
        if watched or stop or full:
            self.text = tokenizer.decode(self.tokens)
        place = first_stop(self.text, stop)
        if place is not None:
            self.stop = stop_at(self.text, place, stop)
            self.reason, self.text = "stop_sequence", self.text[:place]
        elif full:
            self.reason = "max_tokens"

    def response(self) -> Response:
        """The finished draft as a response."""
        return Response(
            number=self.number,
            text=self.text,
            stop_reason=self.reason,
            prompt_tokens=len(self.prompt),
            tokens=tuple(self.tokens),
            logprobs=tuple(self.logprobs),
            near_ties=self.near_ties,
            latency=self.latency,
            stop_sequence=self.stop,
        )
