"""What is recorded of a request to a model: gathered as its answer becomes HTTP."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response as HttpResponse

from outcrop.dialects.protocol import Timing
from outcrop.domain.errors import OutcropError
from outcrop.domain.generation import Response
from outcrop.server.auth.doorkeeper import Caller
from outcrop.server.model_requests import Framing, ModelRequest
from outcrop.serving.capture import Capture
from outcrop.serving.invocation_log import Delivery, Invocation

#: The error of a request whose client left before the end of its answer; AWS has no word for it.
LEFT = "ClientDisconnected"

_ID_HEADERS = ("x-amzn-requestid", "x-request-id")


class Recording:
    """Stands before a request's framing, and notes what passes; implements ``Framing``.

    Args:
        capture: Keeps the record.
        delivery: What becomes of it.
        request: What a model is asked.
        caller: Who asks.
    """

    def __init__(self, capture: Capture, delivery: Delivery, request: ModelRequest, caller: Caller) -> None:
        self._capture = capture
        self._delivery = delivery
        self._request = request
        self._caller = caller
        self._framing = request.framing
        self._moment = time.time()
        # Of a request whose answer never began, nobody was told an id.
        self._id = str(uuid.uuid4())
        self._events: list[dict[str, Any]] = []
        self._document: dict[str, Any] | None = None
        self._response: Response | None = None
        self._error = LEFT

    def whole(self, document: dict[str, Any], response: Response, timing: Timing) -> HttpResponse:
        """See ``Framing.whole``."""
        answer = self._framing.whole(document, response, timing)
        self._named(answer.headers)
        self._document, self._response, self._error = document, response, ""
        return answer

    def headers(self) -> Mapping[str, str]:
        """See ``Framing.headers``."""
        headers = self._framing.headers()
        self._named(headers)
        return headers

    def event(self, document: dict[str, Any]) -> bytes:
        """See ``Framing.event``."""
        if self._delivery.text:
            self._events.append(document)
        return self._framing.event(document)

    def ended(self, response: Response) -> bytes:
        """See ``Framing.ended``."""
        self._response, self._error = response, ""
        return self._framing.ended(response)

    def broken(self, error: Exception) -> bytes:
        """See ``Framing.broken``."""
        self._failed(error)
        return self._framing.broken(error)

    def refusal(self, error: Exception) -> HttpResponse:
        """See ``Framing.refusal``."""
        # Events that were framed wait for the first text, and were not sent.
        self._events = []
        self._failed(error)
        answer = self._framing.refusal(error)
        self._named(answer.headers)
        return answer

    def keep(self) -> None:
        """Have the record kept; it waits for the disk."""
        request, response = self._request, self._response
        output = (self._events or None) if request.stream else self._document
        # As at AWS, it stands beside the body of Converse, as the header of InvokeModel does.
        body = {name: value for name, value in request.body.items() if name != "requestMetadata"}
        invocation = Invocation(
            moment=self._moment,
            key_id=self._caller.key_id,
            region=self._caller.region,
            request_id=self._id,
            operation=request.operation,
            model=request.asked,
            metadata=request.metadata,
            input=body if self._delivery.text else None,
            output=output if self._delivery.text else None,
            input_tokens=None if response is None else response.prompt_tokens,
            output_tokens=None if response is None else len(response.tokens),
            error=self._error,
        )
        self._capture.add(self._delivery, invocation)

    def _named(self, headers: Mapping[str, str]) -> None:
        self._id = next((value for name, value in headers.items() if name.lower() in _ID_HEADERS), self._id)

    def _failed(self, error: Exception) -> None:
        self._error = error.code if isinstance(error, OutcropError) else "InternalServerException"


_: type[Framing] = Recording
