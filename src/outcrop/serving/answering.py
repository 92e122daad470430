"""How a worker answers: rows of one network in continuous batches, or each request by a stream of its own."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol, cast

from outcrop.domain.errors import ModelFailed, NotSupported, OutcropError
from outcrop.domain.generation import Piece, Prompt, Response
from outcrop.engines.protocol import Engine
from outcrop.serving.messages import Answer, Ask, Began, Finished, Refused, Told

if TYPE_CHECKING:
    from outcrop.engines.decoding import Row
    from outcrop.engines.transformers import TransformersEngine

Send = Callable[[Answer], None]


class Answering(Protocol):
    """Answers requests; one thread calls it."""

    def add(self, ask: Ask, engine: Engine) -> None:
        """Take a request.

        Raises:
            OutcropError: It can't be answered.
        """
        ...

    def cancel(self, number: int) -> None:
        """Let a request go; one that has ended is passed over."""
        ...

    def step(self) -> bool:
        """Go on with the work; False where there is none to do in this thread."""
        ...


class Batches:
    """Answers by engines of one ``LoadedBase``, in continuous batches.

    Args:
        engine: Any of them.
        send: Called with what there is to tell.
    """

    def __init__(self, engine: TransformersEngine, send: Send) -> None:
        self._running = engine.continuous()
        self._send = send
        self._rows: dict[int, Row] = {}
        self._numbers: dict[Row, int] = {}

    def add(self, ask: Ask, engine: Engine) -> None:
        """See ``Answering.add``."""
        row = cast("TransformersEngine", engine).row(ask.prompt, ask.parameters)
        self._rows[ask.number], self._numbers[row] = row, ask.number
        self._running.add(row)
        self._send(Began(ask.number, len(row.prompt)))

    def cancel(self, number: int) -> None:
        """See ``Answering.cancel``."""
        if (row := self._rows.pop(number, None)) is not None:
            del self._numbers[row]
            self._running.cancel(row)

    def step(self) -> bool:
        """Make a pass, and tell what it brought."""
        if not self._running.rows:
            return False
        for row in self._running.step():
            number = self._numbers[row]
            if text := row.fresh():
                self._send(Told(number, Piece(text, len(row.tokens))))
            if row.reason:
                del self._rows[number], self._numbers[row]
                self._send(Finished(number, row.response()))
        return True


class Streams:
    """Answers by engines that stream: each request in a thread of its own.

    Args:
        send: Called with what there is to tell, by any thread.
        one_at_a_time: Whether the engines bear one thread at a time; streams take turns then, piece by piece.
    """

    def __init__(self, send: Send, *, one_at_a_time: bool = False) -> None:
        self._send = send
        self._turn: AbstractContextManager[object] = threading.Lock() if one_at_a_time else nullcontext()
        self._wanted: dict[int, threading.Event] = {}

    def add(self, ask: Ask, engine: Engine) -> None:
        """See ``Answering.add``."""
        with self._turn:
            engine.plan([ask.prompt], ask.parameters)
            self._send(Began(ask.number, _counted(engine, ask.prompt)))
        left = self._wanted[ask.number] = threading.Event()
        stream = engine.stream(ask.prompt, ask.parameters)
        threading.Thread(target=self._answer, args=(ask.number, stream, left), daemon=True).start()

    def cancel(self, number: int) -> None:
        """See ``Answering.cancel``."""
        if (left := self._wanted.pop(number, None)) is not None:
            left.set()

    def step(self) -> bool:
        """Nothing: the threads do the work."""
        return False

    def _answer(self, number: int, stream: Generator[str, None, Response], left: threading.Event) -> None:
        try:
            response = self._tell(number, stream, left)
            if response is not None and not left.is_set():
                self._send(Finished(number, response))
        except OutcropError as error:
            self._send(refusal(number, error))
        except Exception as error:  # noqa: BLE001 - nobody else would tell who waits
            traceback.print_exc()
            self._send(refusal(number, failed(error)))
        finally:
            self._wanted.pop(number, None)

    def _tell(self, number: int, stream: Generator[str, None, Response], left: threading.Event) -> Response | None:
        """Tell the pieces of a stream; its response, or None where it was left."""
        pieces = 0
        while True:
            try:
                with self._turn:
                    text = next(stream)
            except StopIteration as end:
                response: Response = end.value
                return response
            pieces += 1
            if left.is_set():
                with self._turn:
                    stream.close()
                return None
            self._send(Told(number, Piece(text, pieces)))


def _counted(engine: Engine, prompt: Prompt) -> int:
    """The tokens of a prompt; 0 where the engine can't tell before it has answered."""
    try:
        return engine.count(prompt)
    except NotSupported:
        return 0


def failed(error: Exception) -> ModelFailed:
    """What somebody is told of an error that nobody expected."""
    return ModelFailed(f"what computes the response failed: {error!r}; the worker's file in the home says more")


def refusal(number: int, error: OutcropError) -> Refused:
    """An error as the server is told of it."""
    return Refused(number, type(error).__name__, str(error))
