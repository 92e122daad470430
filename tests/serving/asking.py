"""Asking models that are served, and gathering what comes."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from outcrop.domain.deployments import Deployment
from outcrop.domain.errors import OutcropError
from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.domain.models import Model
from outcrop.domain.records import Message, Role
from outcrop.serving.messages import Answer, Began, Finished, Told
from outcrop.serving.serving import Serving

#: Longer than anything takes here; a test that waits so long has failed.
PATIENCE = 60


@dataclass
class Asked:
    """A request, and what has come of it."""

    cancel: Callable[[], None] = lambda: None
    came: queue.SimpleQueue[Answer | OutcropError] = field(default_factory=queue.SimpleQueue)

    def answers(self) -> Iterator[Answer]:
        """What comes, up to the last of it; an error is raised."""
        while True:
            answer = self.came.get(timeout=PATIENCE)
            if isinstance(answer, OutcropError):
                raise answer
            yield answer
            if isinstance(answer, Finished):
                return

    def response(self) -> Response:
        """The whole response, whose parts came before."""
        began, *told, finished = self.answers()
        assert isinstance(began, Began)
        assert isinstance(finished, Finished)
        text = "".join(each.piece.text for each in told if isinstance(each, Told))
        assert text == finished.response.text
        return finished.response


def ask(serving: Serving, model: Model, text: str, deployment: Deployment | None = None, **parameters: Any) -> Asked:
    """Ask a model."""
    asked = Asked()
    prompt = Prompt(0, (Message(Role.USER, text),))
    asked.cancel = serving.ask(model, prompt, GenerationParameters(**parameters), asked.came.put, deployment)
    return asked


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something that happens in another thread or process."""
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, "it does not happen"
        time.sleep(0.01)
