"""What stands for models that answer: one text, in pieces, at once; or an error, before or in the middle."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.dialects.protocol import Inference
from outcrop.domain.deployments import Deployment
from outcrop.domain.errors import OutcropError
from outcrop.domain.generation import GenerationParameters, Piece, Prompt, Response
from outcrop.domain.models import Model
from outcrop.serving.messages import Began, Finished, Told
from outcrop.serving.process import Sink
from outcrop.serving.serving import Loaded

#: What the model says, in pieces; the ids of its tokens end with an end of turn.
PIECES = ("Ba", "salt \u2028", "is 岩 dark.")
RESPONSE = Response(0, "".join(PIECES), "end_turn", prompt_tokens=7, tokens=(5, 6, 7, 2))


@dataclass(frozen=True)
class Asked:
    """A request as it reached the models."""

    model: Model
    inference: Inference
    deployment: Deployment | None


@dataclass
class ServingDouble:
    """Answers as ``Serving`` does.

    Attributes:
        response: What every request gets.
        pieces: Its parts.
        refuses: What a request gets instead, before anything else.
        fails: What happens after the first piece.
        asked: The requests that came.
        counted: The prompts whose tokens were counted, and by which model.
        left: How often somebody said that nobody waits any more.
    """

    response: Response = RESPONSE
    pieces: tuple[str, ...] = PIECES
    refuses: OutcropError | None = None
    fails: OutcropError | None = None
    asked: list[Asked] = field(default_factory=list)
    counted: list[tuple[Model, Prompt]] = field(default_factory=list)
    left: int = 0

    def ask(
        self,
        model: Model,
        prompt: Prompt,
        parameters: GenerationParameters,
        sink: Sink,
        deployment: Deployment | None = None,
    ) -> Callable[[], None]:
        """See ``Serving.ask``."""
        self.asked.append(Asked(model, Inference(prompt, parameters), deployment))
        if self.refuses is not None:
            raise self.refuses
        sink(Began(1, self.response.prompt_tokens))
        for place, text in enumerate(self.pieces, 1):
            sink(Told(1, Piece(text, place)))
            if self.fails is not None:
                sink(self.fails)
                return self._leave
        sink(Finished(1, replace(self.response, number=prompt.number)))
        return self._leave

    def count(self, model: Model, prompt: Prompt) -> Future[int]:
        """A token for each word."""
        self.counted.append((model, prompt))
        if self.refuses is not None:
            raise self.refuses
        return _done(sum(len(message.text.split()) for message in prompt.messages))

    def embed(self, model: Model, texts: Collection[str]) -> Future[tuple[NDArray[np.float32], int]]:
        """A vector for each text, its length the first number."""
        return _done((np.array([[len(text), 0.1, -2.5] for text in texts], np.float32), sum(map(len, texts))))

    def loaded(self) -> list[Loaded]:
        """Nothing."""
        return []

    def _leave(self) -> None:
        self.left += 1


def _done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future
