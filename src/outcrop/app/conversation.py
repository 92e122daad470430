"""Talking to a model."""

from __future__ import annotations

from collections.abc import Iterator

from outcrop.domain.errors import InvalidInput
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.domain.records import Message, Role
from outcrop.services import Engines


def answer(engines: Engines, model: str, prompt: str, parameters: GenerationParameters) -> Iterator[str]:
    """A model's answer, piece by piece.

    Raises:
        NotFound: There is no such model.
        NotSupported: It is an encoder.
        InvalidInput: The prompt is longer than the model's context, or a parameter is out of range.
    """
    if faults := parameters.faults():
        raise InvalidInput(faults)
    engine = engines.open(model)
    question = Prompt(0, (Message(Role.USER, prompt),))
    engine.plan([question], parameters)
    yield from engine.stream(question, parameters)
