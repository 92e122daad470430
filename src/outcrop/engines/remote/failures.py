"""What a server's failures mean: which pass, how long it wants to be left alone, what it said."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from outcrop.domain.errors import RemoteRefusal

#: Statuses after which the same request may succeed, beside those from 500 on.
_PASSING = {408, 409, 425, 429}

#: Those of 500 and more that never pass: not implemented, and not in this version of HTTP.
_LASTING = {501, 505}

_SHOWN = 300


class PassingFailure(Exception):
    """A request failed in a way that may pass.

    Attributes:
        throttled: The server wants fewer requests.
        retry_after: Seconds for which it wants to be left alone; None where it does not say.
        charged: The model may have worked on the request, so that it may have to be paid for.
        unreachable: There was no connection at all.
    """

    def __init__(
        self,
        words: str,
        *,
        throttled: bool = False,
        retry_after: float | None = None,
        charged: bool = False,
        unreachable: bool = False,
    ) -> None:
        super().__init__(words)
        self.throttled = throttled
        self.retry_after = retry_after
        self.charged = charged
        self.unreachable = unreachable


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> PassingFailure | RemoteRefusal:
    """What an answer that is none means.

    Args:
        status: Its HTTP status.
        headers: Its headers, by names in lower case.
        body: What it says.
    """
    words = f"{status} {said(body)}".strip()
    if 300 <= status < 400:
        return RemoteRefusal(f"{status}, a redirection, which is never followed: add the model with its real address")
    # OpenAI answers 429 both to a burst and to an account without money; only the first passes.
    if _error(body).get("code") == "insufficient_quota":
        return RemoteRefusal(words, status)
    if status in _PASSING or (status >= 500 and status not in _LASTING):
        return PassingFailure(words, throttled=status == 429, retry_after=retry_after(headers))
    return RemoteRefusal(words, status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server wants to be left alone: ``retry-after-ms``, or ``retry-after`` (RFC 9110, 10.2.3)."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        if (value := headers.get(name)) is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            seconds = _seconds_until(value)
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None


def _seconds_until(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except ValueError:
        return math.nan


def said(body: bytes) -> str:
    """What a server says in a failure: the message of its JSON, else the beginning of the text; one line."""
    found = _error(body).get("message")
    text = found if isinstance(found, str) else body[: 4 * _SHOWN].decode("utf-8", "replace")
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def _error(body: bytes) -> Mapping[str, Any]:
    """The error object of a JSON answer: under ``error``, or the answer itself; empty where there is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    inner = found.get("error", found)
    if isinstance(inner, str):
        return {"message": inner}
    return inner if isinstance(inner, dict) else {}
