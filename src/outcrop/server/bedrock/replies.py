"""A response's parts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from outcrop.server.errors import WireError


@dataclass(frozen=True)
class Reply:
    """A response's parts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def error_reply(error: WireError) -> Reply:
    """An error as Bedrock's clients read it."""
    # A message may quote half a character, which has no bytes of its own.
    body = json.dumps({"message": error.message, **error.fields}, ensure_ascii=False).encode(errors="replace")
    return Reply(error.status, {**headers(), "x-amzn-ErrorType": error.code}, body)


def headers() -> dict[str, str]:
    """What each response carries."""
    return {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid.uuid4())}
