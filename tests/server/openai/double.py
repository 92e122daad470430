"""OpenAI's official client and the whole server, but for a socket and models."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import httpx2
import openai
from pydantic import BaseModel

from outcrop import Outcrop
from outcrop.dialects.protocol import Timing
from outcrop.domain.generation import Response
from outcrop.serving.serving import Serving
from tests.server.serving_double import PIECES, RESPONSE, Asked, ServingDouble
from tests.server.wire import Wire

__all__ = ["PIECES", "RESPONSE", "TIMING", "Double", "ended", "strictly"]

TIMING = Timing(0.25, 1.5)


class Double:
    """Takes the requests of a client: the whole server, but for its socket and its models."""

    def __init__(self, outcrop: Outcrop) -> None:
        self.outcrop = outcrop
        self.serving = ServingDouble()
        self._wire = Wire(outcrop, serving=cast("Serving", self.serving))
        self.key = outcrop.keys.create("a client's", bearer=True).secret
        self.sent = b""

    @property
    def asked(self) -> list[Asked]:
        """The requests for text that came to a model."""
        return self.serving.asked

    @property
    def transport(self) -> httpx2.MockTransport:
        """What takes a client's requests in place of a socket."""
        return httpx2.MockTransport(self._answer)

    def client(self, key: str | None = None, prefix: str = "/v1") -> openai.OpenAI:
        """OpenAI's client, which tries everything once."""
        http = httpx2.Client(transport=self.transport)
        address = f"http://127.0.0.1:8090{prefix}"
        return openai.OpenAI(base_url=address, api_key=key or self.key, http_client=http, max_retries=0)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        """Status and document of an answer to a request that no client of OpenAI's made."""
        answer = self._wire.send(method, path, headers, body)
        return answer.status, answer.json()

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name.decode(): value.decode() for name, value in request.headers.raw if name.lower() != b"host"}
        answer = self._wire.send(request.method, request.url.raw_path.decode(), headers, request.content)
        self.sent = answer.body
        return httpx2.Response(answer.status, headers=answer.headers, content=answer.body)


def ended(reason: str) -> Response:
    """The response with another end."""
    return replace(RESPONSE, stop_reason=reason)


def strictly(kind: type[BaseModel], document: dict[str, Any]) -> Any:
    """An object of OpenAI's own types: every member of the type that is said, and none that it does not know."""
    value = kind.model_validate_json(json.dumps(document), strict=True)
    assert value.model_dump(mode="json", exclude_unset=True) == document
    assert list(_extras(value)) == []
    return value


def _extras(value: object) -> Any:
    if isinstance(value, BaseModel):
        yield from value.model_extra or ()
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name))
    elif isinstance(value, list):
        for each in value:
            yield from _extras(each)
