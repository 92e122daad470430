"""The answer of a model as an ASGI response: whole, or in parts as they are written; who leaves frees the place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.types import Receive, Scope, Send

from outcrop.dialects.protocol import Timing
from outcrop.domain.errors import OutcropError
from outcrop.server.model_requests import ModelRequest
from outcrop.serving.messages import Answer, Began, Finished, Told
from outcrop.serving.serving import Serving

Came = Answer | OutcropError


class ModelAnswer:
    """Asks a model, and sends what it writes; one for each request.

    Args:
        serving: Who asks models.
        request: What is asked.
        began: When the request was there, in seconds of ``time.perf_counter``.
        limiter: Of the threads in which models are asked, since that may start a process.
    """

    def __init__(self, serving: Serving, request: ModelRequest, began: float, limiter: CapacityLimiter) -> None:
        self._serving = serving
        self._request = request
        self._began = began
        self._limiter = limiter
        self._first: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; when the client leaves, nothing more is written for it."""
        left = asyncio.create_task(_disconnected(receive))
        came: asyncio.Queue[Came] = asyncio.Queue()
        cancel: Callable[[], None] | None = None
        try:
            cancel = await self._ask(came)
            answered = self._stream if self._request.stream else self._whole
            await answered(_until(came, left), scope, receive, send)
        except _ClientLeft:
            pass
        except Exception as error:  # noqa: BLE001 - one request's trouble must not be another's
            await self._request.framing.refusal(error)(scope, receive, send)
        finally:
            left.cancel()
            if cancel is not None:
                cancel()

    async def _ask(self, came: asyncio.Queue[Came]) -> Callable[[], None]:
        loop, request = asyncio.get_running_loop(), self._request

        def sink(answer: Came) -> None:
            # A server that ends has no loop any more; nobody waits then.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(came.put_nowait, answer)

        target, inference = request.target, request.inference
        ask = partial(self._serving.ask, target.model, inference.prompt, inference.parameters, sink, target.deployment)
        return await to_thread.run_sync(ask, limiter=self._limiter)

    async def _whole(self, answers: AsyncIterator[Answer], scope: Scope, receive: Receive, send: Send) -> None:
        async for answer in answers:
            self._note(answer)
            if isinstance(answer, Finished):
                timing = self._timing()
                document = self._request.writer.whole(answer.response, timing)
                whole = self._request.framing.whole(document, answer.response, timing)
                await whole(scope, receive, send)

    async def _stream(self, answers: AsyncIterator[Answer], scope: Scope, receive: Receive, send: Send) -> None:
        writer, framing = self._request.writer, self._request.framing
        waiting: list[bytes] = []
        begun = False
        try:
            async for answer in answers:
                self._note(answer)
                match answer:
                    case Began():
                        # Sent with the first text, so that what fails before it still has a status of its own.
                        waiting = [framing.event(each) for each in writer.begin(answer.prompt_tokens)]
                        continue
                    case Told():
                        parts = [framing.event(each) for each in writer.piece(answer.piece)]
                    case Finished():
                        parts = [framing.event(each) for each in writer.end(answer.response, self._timing())]
                        parts.append(framing.ended(answer.response))
                if not begun:
                    await _start(send, dict(framing.headers()))
                    begun, parts = True, [*waiting, *parts]
                last = isinstance(answer, Finished)
                await send({"type": "http.response.body", "body": b"".join(parts), "more_body": not last})
        except Exception as error:
            if not begun or isinstance(error, _ClientLeft):
                raise
            await send({"type": "http.response.body", "body": framing.broken(error), "more_body": False})

    def _note(self, answer: Answer) -> None:
        if self._first is None and isinstance(answer, Told | Finished):
            self._first = time.perf_counter()

    def _timing(self) -> Timing:
        now = time.perf_counter()
        return Timing((self._first or now) - self._began, now - self._began)


class _ClientLeft(Exception):
    """Nobody reads the answer any more."""


async def _until(came: asyncio.Queue[Came], left: asyncio.Task[None]) -> AsyncIterator[Answer]:
    """What comes, until the last of it.

    Raises:
        OutcropError: What came instead of an answer.
        _ClientLeft: The client did.
    """
    while True:
        getting = asyncio.create_task(came.get())
        waited: set[asyncio.Task[Any]] = {getting, left}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not getting.done():
                getting.cancel()
        if left.done():
            raise _ClientLeft
        answer = getting.result()
        if isinstance(answer, OutcropError):
            raise answer
        yield answer
        if isinstance(answer, Finished):
            return


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, headers: dict[str, str]) -> None:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
