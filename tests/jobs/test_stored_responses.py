from __future__ import annotations

import json

from outcrop.domain.generation import Response
from outcrop.jobs.stored_responses import StoredResponses, decode

RESPONSE = Response(3, "slate", "end_turn", 7, (5, 0), (-0.25, -1.5), 1, latency=0.375)


def test_what_is_stored_is_read_back() -> None:
    found = decode(StoredResponses((RESPONSE,), 1.5).encode(), "0.json")
    assert found == StoredResponses((RESPONSE,), 1.5)
    assert found.responses[0].latency == 0.375


def test_what_an_older_version_stored_is_read() -> None:
    plain = json.loads(StoredResponses((RESPONSE,), 1.5).encode())
    del plain["spending"], plain["responses"][0]["latency"]
    found = decode(json.dumps(plain).encode(), "0.json")
    assert found == StoredResponses((RESPONSE,), 1.5)
    assert found.responses[0].latency is None
