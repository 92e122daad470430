"""A server of a scripted model, for tests: it speaks as OpenAI's and as Bedrock's do, and fails as it is told to."""

from __future__ import annotations

import json
import random
import re
import select
import ssl
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.domain.records import Message, Role
from outcrop.engines.scripted import Script, ScriptedEngine

Replace = Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes] | None]
"""Called with a request's body; an answer in the place of the right one, or None."""

_PIECE = re.compile(r"\s*\S+|\s+")


@dataclass
class Faults:
    """What goes wrong, by a seeded generator: for each name of ``KINDS`` the share of requests that it befalls."""

    shares: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    retry_after: str | None = None

    def __post_init__(self) -> None:
        assert self.shares.keys() <= {"throttle", "fail", "hang", "half", "reset"}
        self._random = random.Random(self.seed)

    def draw(self) -> str:
        """The fault of the next request; "" for none."""
        place = self._random.random()
        for kind, share in self.shares.items():
            place -= share
            if place < 0:
                return kind
        return ""


class ModelServer:
    """Serves a scripted model on a free port of the loopback.

    ``asked`` counts the requests for each prompt and ``answered`` the whole answers; ``bodies`` are the requests.
    More than ``capacity`` requests at once are throttled. ``replace`` may answer instead.
    """

    def __init__(
        self,
        script: Script = Script(),  # noqa: B008 - frozen
        faults: Faults | None = None,
        *,
        key: str = "",
        capacity: int = 1000,
        replace: Replace = lambda _: None,
    ) -> None:
        self.engine = ScriptedEngine(script)
        self.faults = faults or Faults()
        self.key = key
        self.capacity = capacity
        self.replace = replace
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.connections = 0
        self.most_at_once = 0
        self.lock = threading.Lock()
        self.at_once = 0
        self.closing = False
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, self))
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def speak_tls(self, certificate: Path) -> None:
        """From now on speak TLS, with the certificate and the key that a file holds."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> ModelServer:
        threading.Thread(target=partial(self._server.serve_forever, 0.02), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing = True
        self._server.shutdown()
        self._server.server_close()

    def respond(self, messages: list[Message], limits: Mapping[str, Any]) -> Response:
        """What the model writes."""
        parameters = GenerationParameters(limits.get("max_tokens", 16), stop=tuple(limits.get("stop", ())))
        with self.lock:
            return self.engine.generate([Prompt(0, tuple(messages))], parameters)[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, outer: ModelServer, *args: Any) -> None:
        self.outer = outer
        with outer.lock:
            outer.connections += 1
        super().__init__(*args)

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        outer = self.outer
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = _prompt(body)
        with outer.lock:
            outer.bodies.append(body)
            outer.asked[prompt] += 1
            outer.at_once += 1
            outer.most_at_once = max(outer.most_at_once, outer.at_once)
            fault = outer.faults.draw() or ("throttle" if outer.at_once > outer.capacity else "")
            outer.happened[fault] += 1
        try:
            self._answer(prompt, body, fault)
        finally:
            with outer.lock:
                outer.at_once -= 1

    def _answer(self, prompt: str, body: dict[str, Any], fault: str) -> None:
        outer = self.outer
        if outer.key and self.headers["Authorization"] != f"Bearer {outer.key}":
            words = f"Incorrect API key provided: {self.headers['Authorization']}"
            self._reply(401, {}, json.dumps({"error": {"message": words}}).encode())
        elif fault == "throttle":
            after = {"Retry-After": outer.faults.retry_after} if outer.faults.retry_after else {}
            self._reply(429, after, b'{"error": {"message": "Rate limit reached"}}')
        elif fault == "fail":
            self._reply(random.Random(prompt).choice((500, 502, 503)), {}, b"<html>Oh no</html>")
        elif fault == "hang":
            # Until the client hangs up.
            while not outer.closing and not select.select([self.connection], [], [], 0.05)[0]:
                pass
            self.close_connection = True
        elif fault == "reset":
            self.connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER of 0: closing sends a reset
            self.close_connection = True
        elif (instead := outer.replace(body)) is not None:
            self._reply(*instead)
        elif body.get("stream") or self.path.endswith("-stream"):
            self._stream(body, half=fault == "half")
        else:
            found = json.dumps(self._found(body)).encode()
            with outer.lock:
                outer.answered[prompt] += not fault
            self._reply(200, {}, found, half=fault == "half")

    def _reply(self, status: int, headers: Mapping[str, str], data: bytes, *, half: bool = False) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if half else data)
        self.close_connection = self.close_connection or half

    def _stream(self, body: dict[str, Any], *, half: bool) -> None:
        pieces = list(self._pieces(body))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces[: len(pieces) // 2] if half else pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        if half:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _found(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.path.endswith("/chat/completions"):
            return _chat(self.outer.respond(_messages(body), _limits(body)), body)
        if self.path.endswith("/converse"):
            return _converse(self.outer.respond(_messages(body), _limits(body)))
        if self.path.endswith("/embeddings"):
            return _embeddings(self.outer.engine, body)
        if body.get("echo"):
            return _echo(self.outer.engine, body)
        return _completion(self.outer.respond([Message(Role.USER, body["prompt"])], _limits(body)))

    def _pieces(self, body: dict[str, Any]) -> Iterator[bytes]:
        response = self.outer.respond(_messages(body), _limits(body))
        texts = [piece[part : part + 3] for piece in _PIECE.findall(response.text) for part in range(0, len(piece), 3)]
        if self.path.endswith("/converse-stream"):
            yield from _converse_events(response, texts)
            return
        for text in texts:
            yield _event({"choices": [{"delta": {"content": text}, "finish_reason": None}]})
        yield _event({"choices": [{"delta": {}, "finish_reason": _finish(response)}]})
        yield _event({"choices": [], "usage": _usage(response)})
        yield b"data: [DONE]\n\n"


def _prompt(body: dict[str, Any]) -> str:
    if "messages" in body:
        return _messages(body)[-1].text
    return str(body.get("prompt", body.get("input")))


def _messages(body: dict[str, Any]) -> list[Message]:
    """Messages in OpenAI's form or in Bedrock's."""
    found = [(message["role"], message["content"]) for message in body["messages"]]
    system = [Message(Role.SYSTEM, block["text"]) for block in body.get("system", ())]
    texts = [
        content if isinstance(content, str) else "".join(block["text"] for block in content) for _, content in found
    ]
    return system + [Message(Role(role), text) for (role, _), text in zip(found, texts, strict=True)]


def _limits(body: dict[str, Any]) -> dict[str, Any]:
    if "inferenceConfig" not in body:
        most = body.get("max_tokens", body.get("max_completion_tokens", 16))
        return {"max_tokens": most, "stop": body.get("stop", ())}
    config = body["inferenceConfig"]
    return {"max_tokens": config["maxTokens"], "stop": config.get("stopSequences", ())}


def _usage(response: Response) -> dict[str, int]:
    return {"prompt_tokens": max(1, response.prompt_tokens), "completion_tokens": len(response.tokens)}


def _finish(response: Response) -> str:
    return "length" if response.stop_reason == "max_tokens" else "stop"


def _chat(response: Response, body: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = {"message": {"role": "assistant", "content": response.text}}
    choice |= {"finish_reason": _finish(response), "stop_reason": None}
    if response.stop_reason == "stop_sequence":
        choice["stop_reason"] = body["stop"][0]
    if body.get("logprobs"):
        choice["logprobs"] = {"content": [{"token": "", "logprob": logprob} for logprob in response.logprobs]}
    return {"choices": [choice], "usage": _usage(response)}


def _completion(response: Response) -> dict[str, Any]:
    lists = {"token_logprobs": list(response.logprobs)}
    choice = {"text": response.text, "finish_reason": _finish(response), "logprobs": lists}
    return {"choices": [choice], "usage": _usage(response)}


def _echo(engine: ScriptedEngine, body: dict[str, Any]) -> dict[str, Any]:
    """As vLLM answers for a model with a token that begins texts: that comes first, and has no log-probability."""
    tokens = _PIECE.findall(body["prompt"])
    each = [found.logprob for found in engine.loglikelihood([("", token) for token in tokens])]
    lists = {
        "tokens": ["<s>", *tokens, " and"],
        "token_logprobs": [None, *each, -0.5],
        "top_logprobs": [
            None,
            *({token: logprob} for token, logprob in zip(tokens, each, strict=True)),
            {" and": -0.5},
        ],
    }
    choice = {"text": body["prompt"] + " and", "logprobs": lists, "finish_reason": "length"}
    return {"choices": [choice], "usage": {"prompt_tokens": len(tokens) + 1, "completion_tokens": 1}}


def _embeddings(engine: ScriptedEngine, body: dict[str, Any]) -> dict[str, Any]:
    vectors = 3 * engine.embed(body["input"])
    data = [{"index": place, "embedding": vector.tolist()} for place, vector in enumerate(vectors)]
    return {"data": data[::-1], "usage": {"prompt_tokens": sum(len(text.split()) for text in body["input"])}}


def _event(found: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(found).encode() + b"\n\n"


def _converse(response: Response) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": response.text}]}},
        "stopReason": response.stop_reason,
        "usage": _converse_usage(response),
        "metrics": {"latencyMs": 1},
    }


def _converse_usage(response: Response) -> dict[str, int]:
    usage = _usage(response)
    total = sum(usage.values())
    return {"inputTokens": usage["prompt_tokens"], "outputTokens": usage["completion_tokens"], "totalTokens": total}


def _converse_events(response: Response, texts: list[str]) -> Iterator[bytes]:
    yield _frame("messageStart", {"role": "assistant"})
    for text in texts:
        yield _frame("contentBlockDelta", {"delta": {"text": text}, "contentBlockIndex": 0})
    yield _frame("contentBlockStop", {"contentBlockIndex": 0})
    yield _frame("messageStop", {"stopReason": response.stop_reason})
    yield _frame("metadata", {"usage": _converse_usage(response), "metrics": {"latencyMs": 1}})


def _frame(kind: str, payload: dict[str, Any]) -> bytes:
    """A message of AWS's event stream encoding: lengths, headers, payload, each part with its CRC-32."""
    data = json.dumps(payload).encode()
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    packed = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", len(packed) + len(data) + 16, len(packed))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + data
    return message + struct.pack(">I", zlib.crc32(message))


def wait_until(done: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for what another process does."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)
