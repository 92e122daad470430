"""OpenAI's paths beside Bedrock's."""

from __future__ import annotations

from outcrop.server.bedrock.service import operations
from outcrop.server.openai.routes import PREFIXES, ROUTES


def test_both_prefixes_lead_to_the_same() -> None:
    plain, long = ([route for route in ROUTES if route.address.startswith(prefix)] for prefix in PREFIXES)
    assert len(plain) == len(long) == 5
    assert [(route.name, route.method, f"/openai{route.address}") for route in plain] == [
        (route.name, route.method, route.address) for route in long
    ]


def test_no_operation_of_bedrocks_has_such_a_path() -> None:
    first = {operation.path[0] for operation in operations().values()}
    assert first.isdisjoint({"v1", "openai"})
