"""Records: one line of a dataset, parsed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from outcrop.domain.errors import Fault, InvalidInput


class Purpose(StrEnum):
    """What a dataset is for; the formats that are accepted follow from it."""

    FINE_TUNING = "fine-tuning"
    PRE_TRAINING = "pre-training"
    EVALUATION = "evaluation"


class Role(StrEnum):
    """Who speaks in a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Turns(StrEnum):
    """Which of the assistant's turns carry loss: all of a conversation, or the last alone."""

    ALL = "all"
    LAST = "last"


def turns_named(word: str) -> Turns:
    """The turns that a word means.

    Raises:
        InvalidInput: It means none.
    """
    if word not in set(Turns):
        want = f"one of {', '.join(Turns)}"
        raise InvalidInput([Fault("request", None, "turns", repr(word)[:80], want)])
    return Turns(word)


class LongRecords(StrEnum):
    """What becomes of a training record that is longer than the maximum length.

    ``TRUNCATE`` takes tokens from its front, ``DROP`` leaves it out and counts it, ``REFUSE`` makes it a fault.
    """

    TRUNCATE = "truncate"
    DROP = "drop"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Encoding:
    """How records become tokens.

    Attributes:
        max_length: Tokens that a record may have.
        turns: Which turns of a conversation carry loss.
        long_records: What becomes of training records that are longer. Texts are never lost: they are taken apart.
    """

    max_length: int
    turns: Turns = Turns.ALL
    long_records: LongRecords = LongRecords.TRUNCATE


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; ``learnt`` is False for a turn of the assistant's that is to carry no loss."""

    role: Role
    text: str
    learnt: bool = True


@dataclass(frozen=True)
class TrainingRecord:
    """A conversation: perhaps a system message, then user and assistant in turns; the assistant has the last word.

    What is learnt is what the assistant says. ``needs_template`` is True where the data spoke in messages, so that a
    model without a chat template can't take it; a prompt and a completion can also be joined plainly.
    """

    line: int
    messages: tuple[Message, ...]
    needs_template: bool


@dataclass(frozen=True)
class TextRecord:
    """A text to learn as it is, for continued pre-training."""

    line: int
    text: str


@dataclass(frozen=True)
class GivenResponse:
    """A response that came with the data, and the name of what wrote it."""

    source: str
    text: str


@dataclass(frozen=True)
class EvaluationRecord:
    """A prompt, and what a good response to it is.

    Attributes:
        line: Where it stands in its dataset.
        prompt: What is asked; of a text whose perplexity is measured, the text.
        reference: A right response; None where the data gives none. One of ``choices`` where there are any.
        category: The group that it is reported under.
        references: Every right response, where there are several; ``reference`` is the first.
        choices: What is to be chosen from.
        cluster: What it shares with records that are not independent of it.
        responses: Responses that came with the data.
    """

    line: int
    prompt: str
    reference: str | None = None
    category: str | None = None
    references: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    cluster: str | None = None
    responses: tuple[GivenResponse, ...] = ()

    @property
    def right(self) -> tuple[str, ...]:
        """All right responses."""
        if self.references or self.reference is None:
            return self.references
        return (self.reference,)


Record = TrainingRecord | TextRecord | EvaluationRecord


@dataclass(frozen=True)
class EncodedRecord:
    """A training record as tokens: ``tokens`` and ``carries_loss`` have one entry per token.

    ``ends_turn`` is True where every turn that carries loss ends with a token that ends turns, so that the model learns
    to stop; of a text, where its end of sequence is learnt.
    """

    tokens: tuple[int, ...]
    carries_loss: tuple[bool, ...]
    ends_turn: bool
