"""What a dialect promises: how a wire, or a family of models, words what is asked and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from outcrop.domain.generation import GenerationParameters, Piece, Prompt, Response


@dataclass(frozen=True)
class Inference:
    """A prompt, and how its response is generated."""

    prompt: Prompt
    parameters: GenerationParameters


@dataclass(frozen=True)
class Usual:
    """What a request gets that doesn't say; ``top_k`` 0 means all."""

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


@dataclass(frozen=True)
class Timing:
    """Seconds from when a request was there: to the first text of its answer, and to the last."""

    first: float
    whole: float


class AnswerWriter(Protocol):
    """Writes one answer in the words of a wire, whole or in events; each request has its own.

    The events of a stream are those of ``begin``, then of each ``piece``, then of ``end``; each is a JSON object.
    """

    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        """The whole answer."""
        ...

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        """The events before the first text."""
        ...

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        """The events of a part of the text, which is not empty."""
        ...

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        """The events after the last text."""
        ...


class Dialect(Protocol):
    """One wording; it keeps nothing."""

    @property
    def usual(self) -> Usual:
        """What models of the family do where a request doesn't say."""
        ...

    def read(self, body: Mapping[str, Any]) -> Inference:
        """What a body asks.

        Raises:
            InvalidInput: Members are missing, unknown, of a wrong type or out of range, or ask for what is not
                supported: all faults.
        """
        ...

    def writer(self, body: Mapping[str, Any], model: str) -> AnswerWriter:
        """Writes the answer to a body that was read; ``model`` is how the request named what answers."""
        ...
