"""A client of any server that speaks as OpenAI's does: vLLM, SGLang, llama.cpp, Ollama, and many services."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from outcrop.domain.errors import NotSupported, RemoteRefusal
from outcrop.domain.generation import GenerationParameters, Prompt
from outcrop.engines.remote.description import RemoteModel
from outcrop.engines.remote.failures import PassingFailure, failure_of, said
from outcrop.engines.remote.http import Server
from outcrop.engines.remote.protocol import Answer, Client, Echo, Usage
from outcrop.engines.stopping import first_stop

#: Statuses by which servers say that they have no such path, or do not take what it was asked for.
_NOT_OFFERED = {400, 404, 405, 422, 501}

_END = "[DONE]"


class OpenAIClient:
    """Asks ``/chat/completions``, ``/completions`` and ``/embeddings``; implements ``Client``."""

    def __init__(self, server: Server, remote: RemoteModel) -> None:
        self._server = server
        self._remote = remote
        # OpenAI's own newer models refuse the name that all other servers know.
        self._length = "max_tokens"

    def answer(self, prompt: Prompt, parameters: GenerationParameters) -> Answer:
        """See ``Client.answer``."""
        path, body = self._asked(prompt, parameters)
        found = self._post(path, body)
        with _reading("completion"):
            choice = found["choices"][0]
            text = (choice["message"]["content"] if prompt.chat else choice["text"]) or ""
            reason = _stop_reason(choice)
            logprobs = _logprobs(choice) if "logprobs" in body else ()
        cut = first_stop(text, parameters.stop)
        if cut is not None:
            text, reason = text[:cut], "stop_sequence"
        return Answer(text, reason, self._usage(found), logprobs)

    def stream(self, prompt: Prompt, parameters: GenerationParameters) -> Iterator[str | Usage]:
        """See ``Client.stream``."""
        path, body = self._asked(prompt, parameters)
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        body.pop("logprobs", None)
        ended = False
        for data in self._events(path, body):
            if data == _END:
                return
            with _reading("piece of a completion"):
                found = json.loads(data)
                _require_no_error(found)
                choices, usage = found["choices"], found.get("usage")
                piece = (choices[0]["delta"].get("content") if prompt.chat else choices[0]["text"]) if choices else None
                ended = ended or any(choice.get("finish_reason") for choice in choices)
            if piece:
                yield piece
            if usage:
                yield self._usage(found)
        if not ended:
            raise PassingFailure("the stream broke off", charged=True)

    def echo(self, text: str) -> Echo:
        """See ``Client.echo``."""
        # Not 0 tokens, which some servers refuse; the one that is written is left out.
        body = {"prompt": text, "max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": True}
        found = self._post("/completions", body, offers="log-likelihoods need /completions with echo and logprobs")
        usage = self._usage(found)
        with _reading("completion"):
            choice = found["choices"][0]
            lists, count = choice.get("logprobs") or {}, usage.prompt_tokens
            tokens, logprobs = lists.get("tokens") or (), lists.get("token_logprobs") or ()
            best = [max(top.values()) if top else None for top in lists.get("top_logprobs") or ()] or [None] * count
        echoed = str(choice.get("text")).startswith(text) and min(len(tokens), len(logprobs), len(best)) >= count
        if not echoed or None in logprobs[1:count]:
            raise NotSupported(
                f"{self._remote.model}: log-likelihoods need a server that echoes a prompt with log-probabilities, and "
                f"{self._server.address} does not; use a task type that generates"
            )
        return Echo(tuple(tokens[:count]), tuple(logprobs[:count]), tuple(best[:count]), usage)

    def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], Usage]:
        """See ``Client.embed``."""
        found = self._post("/embeddings", {"input": list(texts)}, offers="embeddings need /embeddings")
        with _reading("list of embeddings"):
            entries = sorted(found["data"], key=lambda entry: entry["index"])
            vectors = [[float(value) for value in entry["embedding"]] for entry in entries]
            usage = Usage(int(found["usage"]["prompt_tokens"]), 0)
        if len(vectors) != len(texts):
            raise PassingFailure(f"{len(vectors)} embeddings came for {len(texts)} texts", charged=True)
        return vectors, usage

    def _asked(self, prompt: Prompt, parameters: GenerationParameters) -> tuple[str, dict[str, Any]]:
        """Path and body of a request for a response; what has its usual value is left out, for servers without it."""
        body: dict[str, Any] = {"temperature": parameters.temperature}
        if parameters.temperature > 0:
            # Prompts that are equal must not get equal samples.
            body["seed"] = zlib.crc32(f"{parameters.seed}:{prompt.number}".encode()) & 0x7FFFFFFF
        body |= {"top_p": parameters.top_p} if parameters.top_p < 1 else {}
        body |= {"top_k": parameters.top_k} if parameters.top_k else {}
        body |= {"stop": list(parameters.stop)} if parameters.stop else {}
        if not prompt.chat:
            body |= {"logprobs": 0} if self._remote.logprobs else {}
            text = "\n\n".join(message.text for message in prompt.messages)
            return "/completions", body | {"prompt": text, "max_tokens": parameters.max_tokens}
        body |= {"logprobs": True} if self._remote.logprobs else {}
        messages = [{"role": message.role.value, "content": message.text} for message in prompt.messages]
        return "/chat/completions", body | {"messages": messages, self._length: parameters.max_tokens}

    def _post(self, path: str, body: dict[str, Any], offers: str = "") -> Any:
        """What the server answers; ``offers`` says what it lacks where it refuses the path."""
        try:
            found = self._server.post(path, {"model": self._remote.model} | body)
        except RemoteRefusal as refusal:
            if renamed := self._renamed(refusal, body):
                return self._post(path, renamed, offers)
            if offers and refusal.status in _NOT_OFFERED:
                raise NotSupported(
                    f"{self._remote.model}: {offers}; {self._server.address} answers {refusal}"
                ) from None
            raise
        _require_no_error(found)
        return found

    def _events(self, path: str, body: dict[str, Any]) -> Iterator[str]:
        try:
            yield from self._server.events(path, {"model": self._remote.model} | body)
        except RemoteRefusal as refusal:
            if not (renamed := self._renamed(refusal, body)):
                raise
            yield from self._server.events(path, {"model": self._remote.model} | renamed)

    def _renamed(self, refusal: RemoteRefusal, body: dict[str, Any]) -> dict[str, Any] | None:
        """The body with the name for the length that the server asks for; None where that was not the trouble."""
        if "max_tokens" not in body or "max_completion_tokens" not in str(refusal):
            return None
        self._length = "max_completion_tokens"
        return {name: value for name, value in body.items() if name != "max_tokens"} | {
            "max_completion_tokens": body["max_tokens"]
        }

    def _usage(self, found: Any) -> Usage:
        usage = found.get("usage") or {}
        try:
            return Usage(int(usage["prompt_tokens"]), int(usage.get("completion_tokens") or 0))
        except (KeyError, TypeError, ValueError):
            raise RemoteRefusal(
                f"{self._server.address} does not say how many tokens an answer took ('usage'); nothing can be counted"
            ) from None


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """An answer of another shape than is known counts as one that broke off."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise PassingFailure(f"the answer is no {what}", charged=True) from None


def _require_no_error(found: Any) -> None:
    """Some servers say 200 and then tell of an error."""
    if isinstance(found, dict) and found.get("error"):
        error, body = found["error"], json.dumps(found).encode()
        code = error.get("code") if isinstance(error, dict) else None
        if isinstance(code, int) and 400 <= code < 600:
            raise failure_of(code, {}, body)
        raise PassingFailure(said(body), charged=True)


def _stop_reason(choice: dict[str, Any]) -> str:
    """Why a response ended; only some servers tell a stop sequence from the end of the turn."""
    if choice.get("finish_reason") == "length":
        return "max_tokens"
    # vLLM's and SGLang's names.
    named = choice.get("stop_reason") or choice.get("matched_stop")
    return "stop_sequence" if isinstance(named, str) else "end_turn"


def _logprobs(choice: dict[str, Any]) -> tuple[float, ...]:
    lists = choice.get("logprobs") or {}
    values = lists.get("token_logprobs") or [entry["logprob"] for entry in lists.get("content") or ()]
    if not all(math.isfinite(value) for value in values):
        raise ValueError
    return tuple(float(value) for value in values)


_: type[Client] = OpenAIClient
