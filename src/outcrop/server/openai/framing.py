"""How answers to OpenAI's clients travel: a document, or server-sent events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response as HttpResponse

from outcrop.dialects.protocol import Timing
from outcrop.domain.generation import Response
from outcrop.server.events import EVENTS, HEADERS, event
from outcrop.server.openai.errors import refusal
from outcrop.server.openai.events import DONE, error_event
from outcrop.server.openai.replies import answer_headers, reply


class OpenAIFraming:
    """Implements ``Framing``; ``operation`` is its name, for the log."""

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def whole(self, document: dict[str, Any], response: Response, timing: Timing) -> HttpResponse:
        """See ``Framing.whole``."""
        return reply(document)

    def headers(self) -> Mapping[str, str]:
        """See ``Framing.headers``."""
        return {**HEADERS, **answer_headers(), "Content-Type": EVENTS}

    def event(self, document: dict[str, Any]) -> bytes:
        """See ``Framing.event``."""
        return event(document)

    def ended(self, response: Response) -> bytes:
        """See ``Framing.ended``."""
        return DONE

    def broken(self, error: Exception) -> bytes:
        """See ``Framing.broken``."""
        return error_event(error, self._operation)

    def refusal(self, error: Exception) -> HttpResponse:
        """See ``Framing.refusal``."""
        return refusal(error, self._operation)
