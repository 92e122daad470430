"""A worker that meets what nobody expected."""

from __future__ import annotations

import queue
import socket
import threading
from typing import Any, cast

from outcrop.services import Engines
from outcrop.serving.messages import Held, Load, Loaded, Refused, Request, decode, encode
from outcrop.serving.worker import Worker

MODEL = Held("rock", "models/rock")


class Broken:
    """Opens no model the first time, and any after that."""

    def __init__(self) -> None:
        self.calls = 0

    def open(self, name: str) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise KeyError(name)
        return object()


def test_one_request_does_not_end_the_others() -> None:
    ours, theirs = socket.socketpair()
    inbox: queue.SimpleQueue[Request] = queue.SimpleQueue()
    worker = Worker(cast("Engines", Broken()), theirs)
    threading.Thread(target=worker.run, args=(inbox,), daemon=True).start()
    for number in (1, 2):
        inbox.put(cast("Request", decode(encode(Load(number, MODEL)))))
    with ours, ours.makefile("rb") as lines:
        refused, loaded = decode(lines.readline()), decode(lines.readline())
    assert isinstance(refused, Refused)
    assert (refused.number, refused.error) == (1, "ModelFailed")
    assert "KeyError('rock')" in refused.message
    assert loaded == Loaded(2)
