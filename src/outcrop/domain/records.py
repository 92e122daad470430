"""Records: one line of a dataset, parsed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a dataset is for; the formats that are accepted follow from it."""

    FINE_TUNING = "fine-tuning"
    EVALUATION = "evaluation"


class Role(StrEnum):
    """Who speaks in a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True)
class TrainingRecord:
    """A conversation whose last message, by the assistant, is what is learnt.

    ``needs_template`` is True where the data spoke in messages, so that a model without a chat template can't take it;
    a prompt and a completion can also be joined plainly.
    """

    line: int
    messages: tuple[Message, ...]
    needs_template: bool


@dataclass(frozen=True)
class EvaluationRecord:
    """A prompt, and what a good response to it is.

    ``reference`` is None where the data gives none; ``category`` names the group the record is reported under.
    """

    line: int
    prompt: str
    reference: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class EncodedRecord:
    """A training record as tokens: ``tokens`` and ``carries_loss`` have one entry per token.

    ``ends_turn`` is True where the last token that carries loss ends the turn, so that the model learns to stop.
    """

    tokens: tuple[int, ...]
    carries_loss: tuple[bool, ...]
    ends_turn: bool
