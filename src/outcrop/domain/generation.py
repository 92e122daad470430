"""What is asked of an engine, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from outcrop.domain.errors import Fault
from outcrop.domain.records import Message


@dataclass(frozen=True)
class GenerationParameters:
    """How a response is generated.

    Attributes:
        max_tokens: The most tokens a response may have.
        temperature: 0 takes the most likely token each time; above 0 samples.
        top_p: Samples from the smallest set of tokens with at least this much probability.
        top_k: Samples from this many most likely tokens; 0 means all.
        stop: A response ends before the first of these texts.
        seed: With the record's own number, decides every sample.
    """

    max_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()
    seed: int = 0

    def faults(self) -> list[Fault]:
        """What is out of range, one fault each."""
        rules = (
            ("max_tokens", _whole(self.max_tokens) and self.max_tokens >= 1, "a whole number, 1 or more"),
            ("temperature", _number(self.temperature) and 0 <= self.temperature <= 10, "a number, 0 to 10"),
            ("top_p", _number(self.top_p) and 0 < self.top_p <= 1, "a number more than 0, at most 1"),
            ("top_k", _whole(self.top_k) and self.top_k >= 0, "a whole number, 0 (all) or more"),
            ("stop", _texts(self.stop), "a list of texts that are not empty"),
            ("seed", _whole(self.seed) and 0 <= self.seed < 2**31, f"a whole number, 0 to {2**31 - 1}"),
        )
        wrong = [(name, str(getattr(self, name))[:80], want) for name, good, want in rules if not good]
        return [Fault("generation", None, *fault) for fault in wrong]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return _whole(value) or isinstance(value, float)


def _texts(value: object) -> bool:
    """A text alone is none: its letters would each be a stop text."""
    return isinstance(value, (tuple, list)) and all(isinstance(text, str) and text for text in value)


Context = str | tuple[Message, ...]
"""What stands before a continuation: a text, or a conversation that the model's chat template writes out."""


@dataclass(frozen=True)
class Prompt:
    """A conversation to answer.

    Attributes:
        number: Its place in the dataset, which seeds its samples.
        messages: The conversation.
        chat: Whether the model's chat template writes it out; else its texts are gone on with as they are.
        begun: What the response begins with already: the model goes on from there, and does not say it again.
    """

    number: int
    messages: tuple[Message, ...]
    chat: bool = True
    begun: str = ""


@dataclass(frozen=True)
class Response:
    """What a model wrote.

    Attributes:
        number: The prompt's number.
        text: The response, without special tokens and without the stop text.
        stop_reason: ``end_turn``, ``stop_sequence`` or ``max_tokens``.
        prompt_tokens: Length of the prompt as the model saw it.
        tokens: The ids that were generated, the end-of-turn token included; each -1 where a server only counts them.
        logprobs: Natural log-probability of each of ``tokens`` under the model, before temperature; none where a server
            does not tell them.
        near_ties: At how many steps the two best tokens lay within 1e-3 of each other (in logits).
        latency: Seconds from when its row joined a batch, or its request was sent, until its last token was there; None
            where that was not measured. Responses that differ in nothing else are equal.
        stop_sequence: The stop text that ended it; "" where none did, or a server does not tell which.
    """

    number: int
    text: str
    stop_reason: str
    prompt_tokens: int
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    near_ties: int = 0
    latency: float | None = field(default=None, compare=False)
    stop_sequence: str = ""


@dataclass(frozen=True)
class Piece:
    """A part of a response while it is being written; ``tokens`` counts those that are written so far."""

    text: str
    tokens: int


@dataclass(frozen=True)
class LogLikelihood:
    """The log-probability of a continuation given its context.

    ``logprob`` is the sum over ``tokens`` tokens, in nats; ``greedy`` is True where each was the most likely one.
    """

    logprob: float
    tokens: int
    greedy: bool
    token_logprobs: tuple[float, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Spending:
    """What asking models that others run has cost: tokens read and written, and money in the currency of the prices."""

    tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Spending) -> Spending:
        return Spending(self.tokens + other.tokens, self.cost + other.cost)

    def __sub__(self, other: Spending) -> Spending:
        return Spending(self.tokens - other.tokens, self.cost - other.cost)
