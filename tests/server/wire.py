"""A server without a socket: boto3's requests, signed as they are, go straight into the application, and back."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials

from outcrop import Outcrop
from outcrop.server.admission import Limits
from outcrop.server.auth.doorkeeper import Doorkeeper
from outcrop.server.auth.limits import RateLimits
from outcrop.server.bedrock.constraints import broken
from outcrop.server.http import Server, application
from outcrop.serving.capture import Capture
from outcrop.serving.serving import Serving

ADDRESS = "http://127.0.0.1:8090"
ROLE = "arn:aws:iam::123456789012:role/Anybody"


@dataclass(frozen=True)
class Answer:
    """A response's parts."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class Wire:
    """A home folder behind the server, and a key to it."""

    def __init__(
        self,
        outcrop: Outcrop,
        *,
        limits: Limits | None = None,
        rate: float = 1e6,
        serving: Serving | None = None,
        capture: Capture | None = None,
    ) -> None:
        self.outcrop = outcrop
        self.key = outcrop.keys.create("the test's")
        hosts = frozenset({"127.0.0.1", "localhost"})
        rates = RateLimits(rate, max(1, int(rate)))
        self.serving = serving or Serving(outcrop.services)
        door = Doorkeeper(outcrop.keys)
        self.server = Server(outcrop, self.serving, door, rates, limits or Limits(hosts), capture)
        self.app = application(self.server)

    def client(
        self, service: str = "bedrock", *, region: str = "eu-central-1", key: tuple[str, str] | None = None
    ) -> Any:
        """A Bedrock client of boto3 whose requests come here; it tries everything once."""
        access, secret = key or (self.key.key.id, self.key.secret)
        client = boto3.client(
            service,
            region_name=region,
            endpoint_url=ADDRESS,
            aws_access_key_id=access,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.meta.events.register(f"before-send.{service}", self.answer)
        client.meta.events.register(f"after-call.{service}", _require_sound)
        return client

    def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"", *, parts: int = 1
    ) -> Answer:
        """What a request gets that no client of AWS's made; its body comes in so many parts; none never comes."""
        return asyncio.run(_run(self.app, scope_of(method, target, headers or {}), list(_pieces(body, parts))))

    def ask(self, target: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """What a request gets that is signed with the key, as a script would that asks our own paths."""
        return self.send(method, target, self.signed(target, method, headers or {}))

    def signed(self, target: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> dict[str, str]:
        """The headers of a request that botocore signed."""
        request = AWSRequest(method, f"{ADDRESS}{target}", dict(headers or {}))
        credentials = Credentials(self.key.key.id, self.key.secret)
        SigV4Auth(credentials, "bedrock", "eu-central-1").add_auth(request)
        return dict(request.prepare().headers.items())

    def answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """The response to what a client is about to send: a handler of botocore's event ``before-send``."""
        url = urlsplit(request.url)
        target = f"{url.path}?{url.query}" if url.query else url.path
        headers = {
            name: value.decode("latin-1") if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        body = request.body or b""
        answer = self.send(request.method, target, headers, body.encode() if isinstance(body, str) else body)
        return AWSResponse(request.url, answer.status, answer.headers, _Raw(answer.body))


def scope_of(method: str, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """A request as an ASGI server hands it on."""
    path, _, query = target.partition("?")
    given = {"host": urlsplit(ADDRESS).netloc, **headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("latin-1"),
        "root_path": "",
        "query_string": query.encode("latin-1"),
        "headers": [(name.lower().encode("latin-1"), str(value).encode("latin-1")) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8090),
    }


def _require_sound(http_response: AWSResponse, parsed: Any, model: Any, **_: Any) -> None:
    """Every answer is of its operation's shape, down to patterns, bounds and words."""
    streams = model.has_streaming_output or model.has_event_stream_output
    if http_response.status_code < 300 and model.output_shape is not None and not streams:
        assert list(unsound(model.output_shape, json.loads(http_response.content), model.name)) == []
        assert http_response.status_code == model.http.get("responseCode", 200)
        assert parsed["ResponseMetadata"]["RequestId"]


#: Whose bounds no answer keeps: by the model a list of jobs has one to five, at Bedrock as many as are asked for.
_LOOSE = ("EvaluationSummaries",)


def unsound(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What is wrong with an answer, by the service model."""
    if shape.name not in _LOOSE:
        yield from (f"{path}: {value!r}: {what}" for what in broken(shape, value))
    if shape.type_name == "structure":
        yield from (f"{path}: no {name}" for name in shape.required_members if name not in value)
        for name, each in value.items():
            yield from unsound(shape.members[name], each, f"{path}.{name}")
    elif shape.type_name == "list":
        for each in value:
            yield from unsound(shape.member, each, path)
    elif shape.type_name == "map":
        for each in value.values():
            yield from unsound(shape.value, each, path)


class _Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()

    def release_conn(self) -> None:
        """There is none."""


def _pieces(body: bytes, parts: int) -> Iterator[bytes]:
    if not parts:
        return
    size = max(1, -(-len(body) // parts))
    yield from (body[begin : begin + size] for begin in range(0, max(len(body), 1), size))


async def _run(app: Any, scope: dict[str, Any], pieces: list[bytes]) -> Answer:
    sent: list[dict[str, Any]] = []
    waiting = pieces[::-1]

    async def receive() -> dict[str, Any]:
        if not waiting:
            # A client that sent too little, and waits.
            await asyncio.sleep(3600)
        return {"type": "http.request", "body": waiting.pop(), "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))
