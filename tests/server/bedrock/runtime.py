"""What tests of the runtime operations share: requests, the events of streams, and the errors of each code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from outcrop.domain.errors import (
    Fault,
    InvalidInput,
    ModelFailed,
    NotSupported,
    OutcropError,
    OverBudget,
    RemoteFailure,
    RemoteRefusal,
    Throttled,
)
from outcrop.server.bedrock.service import operations
from tests.server.wire import unsound

RUNTIME = "bedrock-runtime"

ASK: list[dict[str, Any]] = [{"role": "user", "content": [{"text": "What is basalt?"}]}]

#: What a model that is asked may be met with: the code of each, and its status.
REFUSALS = [
    (Throttled("it has 64 requests"), "ThrottlingException", 429),
    (ModelFailed("it ended by signal 9"), "ModelErrorException", 424),
    (InvalidInput([Fault("prompt", None, "", "900 tokens", "at most 512")]), "ValidationException", 400),
    (NotSupported("it has no chat template"), "ValidationException", 400),
    (OverBudget("it would cost more"), "ServiceQuotaExceededException", 400),
    (RemoteFailure("the other server is down"), "InternalServerException", 500),
]

#: The same in the middle of a stream, which has other codes.
BREAKS: list[tuple[OutcropError, str]] = [
    (ModelFailed("it ended by signal 9"), "modelStreamErrorException"),
    (Throttled("the other server has enough"), "throttlingException"),
    (RemoteRefusal("the other server won't"), "validationException"),
    (OverBudget("it would cost more"), "validationException"),
    (RemoteFailure("the other server is down"), "internalServerException"),
]


def sound(operation: str, member: str, stream: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of a stream, each of the shape that the service model gives it."""
    output = operations()[operation].output
    assert output is not None
    events = list(stream)
    for event in events:
        assert len(event) == 1
        assert list(unsound(output.members[member], event, operation)) == []
    return events


def before_break(stream: Iterable[dict[str, Any]], code: str, message: str) -> list[dict[str, Any]]:
    """The events that come before a stream is broken off with an error."""
    found: list[dict[str, Any]] = []
    with pytest.raises(EventStreamError) as raised:
        found.extend(stream)
    assert raised.value.response["Error"] == {"Code": code, "Message": message}
    return found
