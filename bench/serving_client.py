"""A client that streams answers and keeps when each part came: one thread, light enough to share two cores.

Two wires: ConverseStream, signed by botocore, in frames of AWS's event streams; and OpenAI's ``/v1/chat/completions``
in server-sent events.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer


@dataclass
class Stream:
    """What one request got; times are readings of ``time.perf_counter``, in seconds.

    Attributes:
        sent: When it was sent.
        arrivals: When each part with text was there. A token without a text of its own comes with a later one.
        ended: When all was there.
        text: The parts together.
        tokens: How many the server says it wrote.
        prompt_tokens: How many the server says it read.
        error: What went wrong; "" for nothing.
    """

    sent: float
    arrivals: list[float] = field(default_factory=list)
    ended: float = 0.0
    text: str = ""
    tokens: int = 0
    prompt_tokens: int = 0
    error: str = ""

    def gaps(self) -> list[float]:
        """Seconds between one part and the next."""
        return [later - earlier for earlier, later in zip(self.arrivals, self.arrivals[1:], strict=False)]


@dataclass(frozen=True)
class Part:
    """What one event of a stream says: some text, or how many tokens were read and written."""

    text: str = ""
    usage: tuple[int, int] | None = None


Parser = Callable[[bytes], Iterator[Part]]


class Refused(Exception):
    """The server answered with an error, at once or in the middle of a stream."""


class Wire(Protocol):
    """How requests are written and streams read."""

    def request(self, model: str, prompt: str, max_tokens: int, **sampling: float) -> bytes:
        """One request as it goes over the wire; ``sampling`` holds ``temperature``, ``top_p``, ``top_k``, ``seed``."""
        ...

    def parser(self) -> Parser:
        """Reads one body, as it comes; raises ``Refused`` where it holds an error."""
        ...


class Converse:
    """ConverseStream of a server at an address, signed with a key's id and secret."""

    def __init__(self, address: str, key: tuple[str, str]) -> None:
        self._address = address
        self._credentials = Credentials(*key)

    def request(self, model: str, prompt: str, max_tokens: int, **sampling: float) -> bytes:
        """See ``Wire``; ``top_k`` and ``seed`` go as the model's own members."""
        own = {name: sampling[name] for name in ("top_k", "seed") if name in sampling}
        names = {"temperature": "temperature", "top_p": "topP"}
        body = {
            "messages": [{"role": "user", "content": [{"text": prompt}]}],
            "inferenceConfig": {
                "maxTokens": max_tokens,
                **{names[name]: sampling[name] for name in names if name in sampling},
            },
            **({"additionalModelRequestFields": own} if own else {}),
        }
        path = f"/model/{quote(model, safe='')}/converse-stream"
        data = json.dumps(body).encode()
        request = AWSRequest("POST", self._address + path, data=data, headers={"Content-Type": "application/json"})
        SigV4Auth(self._credentials, "bedrock", "us-east-1").add_auth(request)
        return _written(self._address, path, dict(request.headers.items()), data)

    def parser(self) -> Parser:
        """See ``Wire``."""
        buffer = EventStreamBuffer()

        def parse(data: bytes) -> Iterator[Part]:
            buffer.add_data(data)
            for event in buffer:
                payload = json.loads(event.payload)
                if event.headers[":message-type"] != "event":
                    raise Refused(f"{event.headers}: {payload}")
                if "delta" in payload:
                    yield Part(payload["delta"]["text"])
                if "usage" in payload:
                    yield Part(usage=(payload["usage"]["inputTokens"], payload["usage"]["outputTokens"]))

        return parse


class Chat:
    """``/v1/chat/completions`` of a server at an address."""

    def __init__(self, address: str, key: str = "") -> None:
        self._address = address
        self._headers = {"Content-Type": "application/json"}
        self._headers |= {"Authorization": f"Bearer {key}"} if key else {}

    def request(self, model: str, prompt: str, max_tokens: int, **sampling: float) -> bytes:
        """See ``Wire``."""
        body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": True}
        body |= {"stream_options": {"include_usage": True}, "max_tokens": max_tokens, **sampling}
        return _written(self._address, "/v1/chat/completions", self._headers, json.dumps(body).encode())

    def parser(self) -> Parser:
        """See ``Wire``."""
        rest = b""

        def parse(data: bytes) -> Iterator[Part]:
            nonlocal rest
            *events, rest = (rest + data).split(b"\n\n")
            for event in events:
                kind, _, said = event.strip().partition(b": ")
                if kind == b"data" and said != b"[DONE]":
                    yield from _chunk(json.loads(said))

        return parse


def _chunk(chunk: dict[str, Any]) -> Iterator[Part]:
    if "error" in chunk:
        raise Refused(str(chunk["error"]))
    for choice in chunk["choices"]:
        if text := choice["delta"].get("content"):
            yield Part(text)
    if usage := chunk.get("usage"):
        yield Part(usage=(usage["prompt_tokens"], usage["completion_tokens"]))


def _written(address: str, path: str, headers: dict[str, str], data: bytes) -> bytes:
    fields = {"Host": urlsplit(address).netloc, "Connection": "close", "Content-Length": str(len(data)), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def together(address: str, wire: Wire, requests: Sequence[bytes]) -> list[Stream]:
    """Send all requests at once, each on a connection of its own; the streams in their order, when all have ended."""

    async def run() -> list[Stream]:
        return await asyncio.gather(*(_stream(address, wire.parser(), request) for request in requests))

    return asyncio.run(run())


async def _stream(address: str, parse: Parser, request: bytes) -> Stream:
    url = urlsplit(address)
    found = Stream(sent=time.perf_counter())
    try:
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(request)
        async for data in _body(reader):
            now = time.perf_counter()
            for part in parse(data):
                if part.text:
                    found.arrivals.append(now)
                    found.text += part.text
                if part.usage:
                    found.prompt_tokens, found.tokens = part.usage
        writer.close()
    except (OSError, EOFError, Refused) as error:
        found.error = f"{type(error).__name__}: {error}"
    found.ended = time.perf_counter()
    if not found.error and not (found.arrivals and found.tokens):
        found.error = "the stream ended without text, or without saying how many tokens it had"
    return found


async def _body(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """What comes after the head of an answer, as it comes."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    if status != 200 or b"transfer-encoding: chunked" not in head:
        raise Refused(f"status {status}: {(await reader.read())[:500]!r}")
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
