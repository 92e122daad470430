"""Clients that begin a request and never end its head: uvicorn has a limit on their bytes, and none on their time."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds from a connection, or from the first byte of another request on it, until the whole head is there.
PATIENCE = 20.0


class PatientProtocol(H11Protocol):
    """Lets go of a connection whose request does not begin in time; bodies have a limit of their own in ``http``."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See ``asyncio.Protocol``."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._deadline is None and not self._answering():
            self._wait()
        super().data_received(data)
        if self._answering():
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(PATIENCE, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self._answering():
            self.transport.close()
