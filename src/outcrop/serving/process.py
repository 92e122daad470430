"""A worker as the server sees it: a process, and the requests that it owes an answer."""

from __future__ import annotations

import itertools
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

from outcrop.domain import errors
from outcrop.domain.errors import ModelFailed, OutcropError, StorageFailure, UserError
from outcrop.serving.messages import GOES_ON, Answer, Cancel, Finished, Refused, Request, decode, encode

_log = logging.getLogger(__name__)

Sink = Callable[[Answer | OutcropError], None]
"""Called with each answer to a request, the last of which is whole, or an error; by a thread that must not wait."""


class WorkerProcess:
    """A process that runs ``serving.worker``; safe to use from many threads.

    Args:
        name: What it holds, for messages.
        environment: The settings.
        output: A file for what it prints: nothing, unless it dies in a way it can't report itself.
        ended: Called, by a thread of its own, once it has ended.
    """

    def __init__(
        self, name: str, environment: Mapping[str, str], output: Path, ended: Callable[[WorkerProcess], None]
    ) -> None:
        self.name = name
        self.used = time.monotonic()
        self.began = time.time()
        self.failure: str | None = None
        self.prompt_tokens = self.tokens = 0
        self._ended = ended
        self._output = output
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._sinks: dict[int, Sink] = {}
        self._closing = False
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = self._spawn(theirs, environment)
        threading.Thread(target=self._listen, name=f"worker of {name}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def in_flight(self) -> int:
        """How many requests it owes an answer."""
        return len(self._sinks)

    def ask(self, message: Callable[[int], Request], sink: Sink, most: int) -> int | None:
        """Send a message that gets a number; the number, or None where ``most`` are owed an answer already.

        Raises:
            ModelFailed: The process has ended.
        """
        number = next(self._numbers)
        with self._lock:
            if self.failure is not None:
                raise ModelFailed(self.failure)
            if len(self._sinks) >= most:
                return None
            self._sinks[number] = sink
            self.used = time.monotonic()
            self._send(message(number))
        return number

    def cancel(self, number: int) -> None:
        """Nobody waits for the answer to a message any more."""
        with self._lock:
            if self._sinks.pop(number, None) is not None and self.failure is None:
                self._send(Cancel(number))

    def close(self) -> None:
        """End the process; who still waits is told."""
        self._closing = True
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _spawn(self, theirs: socket.socket, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "outcrop.serving.worker", str(theirs.fileno())]
        try:
            self._output.parent.mkdir(parents=True, exist_ok=True)
            with self._output.open("wb") as printed:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=printed,
                    env={**os.environ, **environment},
                    pass_fds=(theirs.fileno(),),
                    # Ctrl-C is for the server, which lets those in flight end.
                    start_new_session=True,
                )
        except OSError as error:
            self._connection.close()
            raise StorageFailure(f"{self._output}: no worker can be started ({error.strerror})") from error

    def _send(self, message: Request) -> None:
        # What can't be sent, the thread that listens finds out about too.
        with suppress(OSError):
            self._connection.sendall(encode(message))

    def _listen(self) -> None:
        try:
            with self._connection.makefile("rb") as lines, suppress(OSError):
                for line in lines:
                    self._tell(cast("Answer", decode(line)))
        except Exception:  # noqa: BLE001 - whatever it is, who waits must be told
            # Nobody listens to it any more: better another one than requests that wait for ever.
            _log.exception("an answer of what computes %s could not be told; it is ended", self.name)
            self._process.kill()
        self._end()

    def _tell(self, answer: Answer) -> None:
        if isinstance(answer, Finished):
            self.prompt_tokens += answer.response.prompt_tokens
            self.tokens += len(answer.response.tokens)
        # Not under the lock: who is told may ask for something at once.
        goes_on = isinstance(answer, GOES_ON)
        sink = self._sinks.get(answer.number) if goes_on else self._sinks.pop(answer.number, None)
        if sink is not None:
            sink(error_of(answer) if isinstance(answer, Refused) else answer)

    def _end(self) -> None:
        code = self._process.wait()
        with self._lock:
            how = f"by signal {-code}" if code < 0 else f"with code {code}"
            self.failure = (
                f"{self.name} is being unloaded; ask again"
                if self._closing
                else f"what computes {self.name} ended {how}{self._last_words()}; ask again, it is started anew"
            )
            owed, self._sinks = list(self._sinks.values()), {}
        self._connection.close()
        for sink in owed:
            sink(ModelFailed(self.failure))
        self._ended(self)

    @property
    def crashed(self) -> bool:
        """Whether it ended though nobody had asked it to."""
        return self.failure is not None and not self._closing

    def _last_words(self) -> str:
        """The last line that it printed, after a colon; "" mostly."""
        lines = self._output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f": {lines[-1][:300]}" if lines else ""


def error_of(refused: Refused) -> OutcropError:
    """The error that a worker met; one with more to it than words becomes its parent."""
    kind = getattr(errors, refused.error, UserError)
    plain = kind.__init__ is OutcropError.__init__ and issubclass(kind, OutcropError)
    return kind(refused.message) if plain else UserError(refused.message)
