"""Answers of our paths: documents, and streams that hold a place while they last."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from threading import BoundedSemaphore

from anyio import CancelScope, fail_after, to_thread
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from outcrop.reports.document import plain
from outcrop.server.api.route import JSON
from outcrop.server.errors import WireError

#: Seconds in which a client must take what it was sent; one that sleeps must not hold a place for ever.
PATIENCE = 120.0


def document(value: object) -> Response:
    """A value as JSON; numbers that are not finite are null."""
    body = json.dumps(plain(value), ensure_ascii=False, allow_nan=False).encode()
    return Response(body, media_type=JSON)


def take_place(places: BoundedSemaphore, what: str) -> None:
    """Take one of a few places.

    Raises:
        WireError: ThrottlingException: all are taken.
    """
    if not places.acquire(blocking=False):
        raise WireError("ThrottlingException", f"as many {what} as the server takes are under way; try again later")


class Stream(StreamingResponse):
    """A body that comes piece by piece; ``over`` is called once, however it ends."""

    def __init__(
        self,
        pieces: AsyncIterator[bytes] | Iterator[bytes],
        media_type: str,
        headers: Mapping[str, str],
        over: Callable[[], None],
    ) -> None:
        super().__init__(pieces, headers=headers, media_type=media_type)
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces, until they or the client's patience end."""

        async def send_in_time(message: Message) -> None:
            with fail_after(PATIENCE):
                await send(message)

        try:
            # The connection is closed before the body's end, from which the client sees that it has not all of it.
            with suppress(ClientDisconnect, TimeoutError):
                await super().__call__(scope, receive, send_in_time)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._over)
