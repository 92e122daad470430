"""A server without a socket that answers OpenAI's official client: the door, the routes, and a model that is a text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import numpy as np
import openai
from pydantic import BaseModel

from outcrop import Outcrop
from outcrop.dialects.protocol import Timing
from outcrop.domain.generation import Piece, Response
from outcrop.server.auth.doorkeeper import Doorkeeper
from outcrop.server.auth.request import Request
from outcrop.server.events import EVENTS, event
from outcrop.server.openai.dispatch import OpenAIPaths, read_text_request
from outcrop.server.openai.embeddings import Embeddings
from outcrop.server.openai.errors import refusal
from outcrop.server.openai.events import DONE, error_event
from outcrop.server.openai.replies import reply
from outcrop.server.openai.routes import DocumentRoute
from outcrop.server.openai.text_request import TextRequest

TIMING = Timing(0.25, 1.5)

#: What the model says, in pieces; the ids of its tokens end with an end of turn.
PIECES = ("Ba", "salt \u2028", "is 岩 dark.")
RESPONSE = Response(0, "".join(PIECES), "end_turn", prompt_tokens=7, tokens=(5, 6, 7, 2))


def vectors(_: str, texts: Any) -> Embeddings:
    """A vector for each text, its length the first number."""
    return Embeddings(np.array([[len(text), 0.1, -2.5] for text in texts], np.float32), sum(map(len, texts)))


@dataclass
class Double:
    """Takes the requests of a client.

    Attributes:
        outcrop: The home.
        response: What the model answers.
        fails: What happens after the first piece of a stream.
        asked: The requests for text that came.
        sent: The last answer's body.
    """

    outcrop: Outcrop
    response: Response = RESPONSE
    fails: Exception | None = None
    asked: list[TextRequest] = field(default_factory=list)
    sent: bytes = b""

    def __post_init__(self) -> None:
        self._paths = OpenAIPaths(self.outcrop, vectors)
        self._door = Doorkeeper(self.outcrop.keys)
        self.key = self.outcrop.keys.create("a client's", bearer=True).secret

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
        answer = self._reply(Request(method, path, "", list(headers.items()), body))
        return answer.status_code, json.loads(bytes(answer.body))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        headers = [(name.decode(), value.decode()) for name, value in request.headers.raw]
        raw = request.url.raw_path.decode()
        found = self._reply(Request(request.method, raw, "", headers, request.content))
        self.sent = bytes(found.body)
        return httpx2.Response(found.status_code, headers=dict(found.headers), content=self.sent)

    def _reply(self, request: Request) -> Any:
        try:
            caller = self._door.admit(request)
            found = self._paths.find(request.method, request.path)
            if found is None:
                return self._paths.unknown(request.method, request.path)
            route, labels = found
            if isinstance(route, DocumentRoute):
                return self._paths.respond(route, labels, request, caller.region)
            asked = read_text_request(route, request)
        except Exception as error:  # noqa: BLE001 - as the server does
            return refusal(error, "test")
        self.asked.append(asked)
        if not asked.stream:
            return reply(asked.writer.whole(self.response, TIMING))
        answer = reply({})
        answer.body, answer.headers["content-type"] = self._stream(asked), EVENTS
        answer.headers["content-length"] = str(len(answer.body))
        return answer

    def _stream(self, asked: TextRequest) -> bytes:
        writer = asked.writer
        documents = [*writer.begin(self.response.prompt_tokens), *writer.piece(Piece(PIECES[0], 1))]
        if self.fails is not None:
            return b"".join(map(event, documents)) + error_event(self.fails, "test")
        for place, text in enumerate(PIECES[1:], 2):
            documents += writer.piece(Piece(text, place))
        documents += writer.end(self.response, TIMING)
        return b"".join(map(event, documents)) + DONE


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
