"""Server-sent events, as browsers and OpenAI's clients read them."""

from __future__ import annotations

import json

#: Their media type.
EVENTS = "text/event-stream"

#: Proxies must not gather what is meant to come at once.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event(data: object, *, kind: str = "", id: str = "") -> bytes:
    """One event with a document as its data, perhaps of a kind, and with an id from which a client can go on.

    Raises:
        ValueError: A number is not finite.
    """
    named = [f"{name}: {value}\n" for name, value in (("id", id), ("event", kind)) if value]
    # In ASCII: some clients end a line at U+2028 or U+0085 too, which are signs like others in JSON.
    return "".join([*named, f"data: {json.dumps(data, allow_nan=False)}\n\n"]).encode()
