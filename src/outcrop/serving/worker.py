"""The process that holds a base, and its adapters: ``python -m outcrop.serving.worker SOCKET``.

It answers what comes over the socket that it was given, a line each, and ends when the other side does.
"""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
import traceback
from typing import TYPE_CHECKING, cast

from outcrop.domain.errors import OutcropError
from outcrop.engines.protocol import Engine
from outcrop.services import Engines, open_services
from outcrop.serving.answering import Answering, Batches, Streams, failed, refusal
from outcrop.serving.messages import (
    Answer,
    Ask,
    Cancel,
    Count,
    Counted,
    Embed,
    Embedded,
    Held,
    Load,
    Loaded,
    Request,
    decode,
    encode,
)
from outcrop.settings import read_settings

if TYPE_CHECKING:
    from outcrop.engines.transformers import TransformersEngine


class Worker:
    """Answers the messages that come in.

    Args:
        engines: Opens models; all of them are of one base, or sit on one.
        connection: Where answers go.
        one_at_a_time: Whether engines that don't share passes bear one thread at a time.
    """

    def __init__(self, engines: Engines, connection: socket.socket, *, one_at_a_time: bool = False) -> None:
        self._engines = engines
        self._connection = connection
        self._sending = threading.Lock()
        self._one_at_a_time = one_at_a_time
        self._opened: dict[Held, Engine] = {}
        self._answering: Answering | None = None

    def run(self, inbox: queue.SimpleQueue[Request]) -> None:
        """Answer until the process ends."""
        busy = False
        while True:
            try:
                self._handle(inbox.get(block=not busy))
            except queue.Empty:
                busy = self._answering is not None and self._answering.step()
            else:
                # Whatever came meanwhile is taken before the next pass.
                busy = True

    def _handle(self, message: Request) -> None:
        if isinstance(message, Cancel):
            if self._answering is not None:
                self._answering.cancel(message.number)
            return
        try:
            self._do(message)
        except OutcropError as error:
            self._send(refusal(message.number, error))
        except Exception as error:  # noqa: BLE001 - one request must not end all the others with this process
            traceback.print_exc()
            self._send(refusal(message.number, failed(error)))

    def _do(self, message: Ask | Load | Count | Embed) -> None:
        if isinstance(message, Embed):
            embedder = self._engines.embedder(message.model.name)
            before = embedder.figures()["scored_tokens"]
            vectors = embedder.embed(message.texts)
            self._send(Embedded.of(message.number, vectors, round(embedder.figures()["scored_tokens"] - before)))
            return
        engine = self._open(message.model)
        match message:
            case Ask():
                if self._answering is None:
                    self._answering = self._way(engine)
                self._answering.add(message, engine)
            case Load():
                self._send(Loaded(message.number))
            case Count():
                self._send(Counted(message.number, engine.count(message.prompt)))

    def _open(self, model: Held) -> Engine:
        if model not in self._opened:
            self._opened[model] = self._engines.open(model.name)
        return self._opened[model]

    def _way(self, engine: Engine) -> Answering:
        if hasattr(engine, "continuous"):
            return Batches(cast("TransformersEngine", engine), self._send)
        return Streams(self._send, one_at_a_time=self._one_at_a_time)

    def _send(self, answer: Answer) -> None:
        with self._sending:
            self._connection.sendall(encode(answer))


def receive(connection: socket.socket, inbox: queue.SimpleQueue[Request]) -> None:
    """Put what comes in into the inbox; the process ends when nothing can come any more."""
    with connection.makefile("rb") as lines:
        for line in lines:
            inbox.put(cast("Request", decode(line)))
    os._exit(0)


def main(number: str) -> None:
    """Answer what comes over an inherited socket."""
    connection = socket.socket(fileno=int(number))
    inbox: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(connection, inbox), daemon=True).start()
    services = open_services(read_settings())
    Worker(services.engines(), connection, one_at_a_time=services.settings.engine == "vllm").run(inbox)


if __name__ == "__main__":
    main(sys.argv[1])
