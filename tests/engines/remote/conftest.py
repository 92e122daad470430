from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from random import Random
from typing import Any, Protocol

import pytest

from outcrop.engines.remote.bedrock import BedrockClient
from outcrop.engines.remote.description import RemoteModel
from outcrop.engines.remote.engine import RemoteEngine
from outcrop.engines.remote.http import Server
from outcrop.engines.remote.ledger import Budget, Ledger
from outcrop.engines.remote.openai import OpenAIClient
from outcrop.engines.remote.retries import Patience
from tests.model_server import ModelServer

#: Short pauses, so that tests of failures take no time.
PATIENCE = Patience(timeout=10.0, total=20.0, base=0.01, longest=0.05, first_contact=0.2)


class Serve(Protocol):
    """Starts a server that runs as long as the test."""

    def __call__(self, *args: Any, **kwargs: Any) -> ModelServer: ...


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(ModelServer(*args, **kwargs))


def engine_at(
    server: ModelServer | str,
    *,
    patience: Patience = PATIENCE,
    budget: Budget | None = None,
    key: str = "",
    **described: Any,
) -> RemoteEngine:
    """An engine that asks a server."""
    address = server if isinstance(server, str) else server.address
    remote = RemoteModel("gneiss-1", address, **described)
    assert remote.faults() == []
    client: OpenAIClient | BedrockClient
    if remote.protocol == "bedrock":
        client = BedrockClient(remote, patience.timeout)
    else:
        client = OpenAIClient(Server(remote.address, key, patience.timeout), remote)
    return RemoteEngine("far", remote, client, Ledger(budget or Budget()), patience, Random(0))
