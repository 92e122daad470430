"""Answers that are one document."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from outcrop.server.api.route import JSON


def reply(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document as an answer, which carries an id of its own.

    Raises:
        ValueError: A number is not finite.
    """
    # A remote model may have written half a character, which has no bytes of its own.
    body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode(errors="replace")
    return Response(body, status, {**answer_headers(), **(headers or {})}, JSON)


def answer_headers() -> dict[str, str]:
    """What each answer carries, streams too; a client says the id when it reports an error."""
    return {"x-request-id": f"req_{uuid.uuid4().hex}", "X-Content-Type-Options": "nosniff"}
