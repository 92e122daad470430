"""What the data package needs from a model: its tokenizer, passed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from outcrop.domain.records import EncodedRecord, Message, TrainingRecord, Turns


class Tokenizer(Protocol):
    """How one model reads conversations; the same calls serve training, checking and generation."""

    @property
    def identity(self) -> str:
        """SHA-256 over tokenizer and template: equal identities give equal tokens."""
        ...

    @property
    def has_template(self) -> bool:
        """Whether the model has a chat template."""
        ...

    @property
    def context(self) -> int:
        """The longest input the model takes, in tokens."""
        ...

    def encode_prompt(self, messages: Sequence[Message]) -> list[int]:
        """The tokens a model sees before it answers.

        Raises:
            InvalidInput: The model's chat template refuses the messages; the caller says in which line.
        """
        ...

    def encode_training(self, record: TrainingRecord, turns: Turns = Turns.ALL) -> EncodedRecord:
        """The tokens of a training record, and which of them carry loss.

        Raises:
            InvalidInput: The model's chat template refuses the messages, or writes earlier turns otherwise than the
                model was to learn them; the caller says in which line.
        """
        ...

    def encode_document(self, text: str) -> EncodedRecord:
        """The tokens of a text, with a beginning and an end of sequence; all but the first carry loss."""
        ...
