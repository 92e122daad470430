"""What a client of a model's server does: one request, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from outcrop.domain.generation import GenerationParameters, Prompt


@dataclass(frozen=True)
class Usage:
    """Tokens that a request was charged for: those of the prompt, and those that were written."""

    prompt_tokens: int
    tokens: int


@dataclass(frozen=True)
class Answer:
    """A response as it came.

    Attributes:
        text: The response, without the stop text.
        stop_reason: As in ``Response``.
        usage: What it was charged with.
        logprobs: One for each token that was written; none where the server was not asked for them.
    """

    text: str
    stop_reason: str
    usage: Usage
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True)
class Echo:
    """A text as the server's model reads it.

    Attributes:
        tokens: Each token's text, as far as the server can show it.
        logprobs: Each token's log-probability given those before it; None for one that has none before it.
        best: The log-probability of the likeliest token at each place; None where it is not known.
        usage: What reading it was charged with.
    """

    tokens: tuple[str, ...]
    logprobs: tuple[float | None, ...]
    best: tuple[float | None, ...]
    usage: Usage


class Client(Protocol):
    """Makes single requests; may be used by many threads at once.

    Every method raises ``PassingFailure`` where the same request may succeed later, ``RemoteRefusal`` where it never
    will, and ``NotSupported`` where the server does not offer such a thing.
    """

    def answer(self, prompt: Prompt, parameters: GenerationParameters) -> Answer:
        """Answer one prompt."""
        ...

    def stream(self, prompt: Prompt, parameters: GenerationParameters) -> Iterator[str | Usage]:
        """Answer one prompt piece by piece; the usage comes last, where the server tells it."""
        ...

    def echo(self, text: str) -> Echo:
        """Read a text that is not empty."""
        ...

    def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], Usage]:
        """A vector for each text, of any length but 0, and the usage of all."""
        ...
