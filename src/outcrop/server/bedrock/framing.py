"""How the runtime's answers travel: JSON, or frames of an event stream."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response as HttpResponse

from outcrop.dialects.invocation_metrics import milliseconds
from outcrop.dialects.protocol import Timing
from outcrop.domain.errors import ModelFailed
from outcrop.domain.generation import Response
from outcrop.server.bedrock.event_stream import CONTENT_TYPE, exception_frame, frame
from outcrop.server.bedrock.replies import error_reply, headers
from outcrop.server.errors import told

#: What may end a stream, by the service model; of anything else boto3 shows neither code nor message.
_IN_STREAMS = frozenset(
    {
        "InternalServerException",
        "ModelStreamErrorException",
        "ServiceUnavailableException",
        "ThrottlingException",
        "ValidationException",
    }
)


class _Framing:
    """What InvokeModel and Converse share."""

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def headers(self) -> Mapping[str, str]:
        return {**headers(), "Content-Type": CONTENT_TYPE}

    def ended(self, response: Response) -> bytes:
        return b""

    def broken(self, error: Exception) -> bytes:
        wire = told(error, self._operation)
        # Streams have a word of their own for a model that failed.
        code = "ModelStreamErrorException" if isinstance(error, ModelFailed) else wire.code
        if code not in _IN_STREAMS:
            code = "ValidationException" if wire.status < 500 else "InternalServerException"
        return exception_frame(code, wire.message)

    def refusal(self, error: Exception) -> HttpResponse:
        reply = error_reply(told(error, self._operation))
        return HttpResponse(reply.body, reply.status, dict(reply.headers))


class ConverseFraming(_Framing):
    """Documents as they are; an event's type is the name of its only member."""

    def whole(self, document: dict[str, Any], response: Response, timing: Timing) -> HttpResponse:
        """See ``Framing.whole``."""
        return HttpResponse(_json(document), headers=headers())

    def event(self, document: dict[str, Any]) -> bytes:
        """See ``Framing.event``."""
        ((name, payload),) = document.items()
        return frame(name, _json(payload))


class InvokeFraming(_Framing):
    """A model's own words as they are, in headers what they cost; in streams each in a chunk."""

    def whole(self, document: dict[str, Any], response: Response, timing: Timing) -> HttpResponse:
        """See ``Framing.whole``."""
        counted = {
            "X-Amzn-Bedrock-Input-Token-Count": str(response.prompt_tokens),
            "X-Amzn-Bedrock-Output-Token-Count": str(len(response.tokens)),
            "X-Amzn-Bedrock-Invocation-Latency": str(milliseconds(timing.whole)),
        }
        return HttpResponse(_json(document), headers={**headers(), **counted})

    def headers(self) -> Mapping[str, str]:
        """See ``Framing.headers``."""
        return {**super().headers(), "X-Amzn-Bedrock-Content-Type": "application/json"}

    def event(self, document: dict[str, Any]) -> bytes:
        """See ``Framing.event``."""
        return frame("chunk", _json({"bytes": base64.b64encode(_json(document)).decode()}))


def _json(document: object) -> bytes:
    # A remote model may have written half a character, which has no bytes of its own.
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode(errors="replace")
