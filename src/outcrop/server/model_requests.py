"""Requests that a model answers: who is asked, what, and how the answer is worded and framed."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from starlette.responses import Response as HttpResponse

from outcrop.dialects.protocol import AnswerWriter, Inference, Timing
from outcrop.domain.deployments import Deployment
from outcrop.domain.generation import Response
from outcrop.domain.models import Model
from outcrop.server.errors import WireError

T = TypeVar("T")

#: Seconds in which tokens are counted or texts embedded, loading the model included.
_PATIENCE = 120.0


class Framing(Protocol):
    """How the documents of an answer become HTTP."""

    def whole(self, document: dict[str, Any], response: Response, timing: Timing) -> HttpResponse:
        """The answer that is one document."""
        ...

    def headers(self) -> Mapping[str, str]:
        """Those of a stream; its media type among them."""
        ...

    def event(self, document: dict[str, Any]) -> bytes:
        """A document of a stream."""
        ...

    def ended(self, response: Response) -> bytes:
        """What follows the last document of a stream that is whole; the response is all that it told."""
        ...

    def broken(self, error: Exception) -> bytes:
        """What ends a stream in the middle."""
        ...

    def refusal(self, error: Exception) -> HttpResponse:
        """What a request gets that is not answered."""
        ...


@dataclass(frozen=True)
class Target:
    """Who answers.

    Attributes:
        model: The model.
        deployment: By which deployment it was asked; None where it was asked by a name of its own.
        family: A foundation model's id, without region, whose words the request is in; "" where it has none.
    """

    model: Model
    deployment: Deployment | None
    family: str


@dataclass(frozen=True)
class ModelRequest:
    """A request for text.

    Attributes:
        operation: Its name.
        asked: How it named the model.
        target: Who answers.
        body: What it holds, as JSON.
        inference: What is asked.
        writer: Words the answer.
        framing: Makes HTTP of it.
        stream: Whether the answer comes in parts.
        metadata: What it says of itself, for whoever filters records of requests.
    """

    operation: str
    asked: str
    target: Target
    body: Mapping[str, Any]
    inference: Inference
    writer: AnswerWriter
    framing: Framing
    stream: bool
    metadata: Mapping[str, str] = field(default_factory=dict)


def awaited(future: Future[T]) -> T:
    """What a model was asked for, once it is there.

    Raises:
        WireError: ModelTimeoutException: it takes too long.
        OutcropError: What came of it instead.
    """
    try:
        return future.result(_PATIENCE)
    except TimeoutError:
        text = f"the model did not answer within {_PATIENCE:.0f} seconds; ask again later"
        raise WireError("ModelTimeoutException", text) from None
