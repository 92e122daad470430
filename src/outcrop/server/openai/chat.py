"""``POST /v1/chat/completions``: a conversation, and its answer, whole or in chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from outcrop.dialects.protocol import Inference, Timing, Usual
from outcrop.domain.faults import described
from outcrop.domain.generation import Piece, Prompt, Response
from outcrop.domain.records import Message, Role
from outcrop.server.openai.fields import Fields
from outcrop.server.openai.objects import Objects, finish_reason
from outcrop.server.openai.text_request import UNSUPPORTED, TextRequest, read_parameters, read_stream

USUAL = Usual(max_tokens=512)

_ROLES = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}

_UNSUPPORTED: Mapping[str, tuple[object, ...]] = {
    **UNSUPPORTED,
    "logprobs": (False,),
    "top_logprobs": (0,),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "reasoning_effort": ("none",),
    "verbosity": ("medium",),
    "web_search_options": (),
    "moderation": (),
}
#: Members of messages that our own answers have too, so that a client can send one back as it came.
_UNSUPPORTED_OF_MESSAGE: Mapping[str, tuple[object, ...]] = {
    "audio": (),
    "refusal": (),
    "annotations": ([],),
    "function_call": (),
    "tool_calls": ([],),
}


def read_chat(body: Mapping[str, Any]) -> TextRequest:
    """What a body asks.

    Messages of one role in a row are one, with a blank line between their texts. A last message of the assistant's
    begins the response.

    Raises:
        InvalidInput: Members are missing, unknown, of a wrong type or out of range, or ask for what is not supported:
            all faults.
    """
    fields = Fields(body)
    model = fields.name("model")
    prompt = _prompt(fields)
    parameters = read_parameters(fields, USUAL, ("max_completion_tokens", "max_tokens"))
    stream, include_usage = read_stream(fields)
    fields.only(_UNSUPPORTED)
    fields.passed_over("user", "metadata", "store", "service_tier", "safety_identifier", "parallel_tool_calls")
    fields.passed_over("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention")
    fields.finish()
    objects = Objects("chatcmpl", "chat.completion", "chat.completion.chunk", model, include_usage)
    return TextRequest(model, Inference(prompt, parameters), stream, ChatWriter(objects))


class ChatWriter:
    """Writes one answer as ``chat.completion``, or as ``chat.completion.chunk`` events; implements ``AnswerWriter``."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        """See ``AnswerWriter.whole``."""
        message = {"role": "assistant", "content": response.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(response)}
        return self._objects.whole(choice, response)

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        """See ``AnswerWriter.begin``."""
        return [self._chunk({"role": "assistant", "content": "", "refusal": None})]

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        """See ``AnswerWriter.piece``."""
        return [self._chunk({"content": piece.text})]

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        """See ``AnswerWriter.end``."""
        return [self._chunk({}, finish_reason(response)), *self._objects.usage(response)]

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return self._objects.part({"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason})


def _prompt(fields: Fields) -> Prompt:
    messages = _joined([_message(each) for each in fields.entries("messages", fields.take("messages"), _MESSAGES)])
    if fields.sound and not any(message.text for message in messages):
        fields.fault("messages", "messages that say nothing", _MESSAGES)
    begun = ""
    if messages and messages[-1].role is Role.ASSISTANT:
        begun = messages.pop().text
        if not messages:
            fields.fault("messages", "a response's beginning alone", "a message of the user's before it")
    return Prompt(0, tuple(messages), begun=begun)


_MESSAGES = 'a list of {"role": "user", "content": "…"}'


def _message(fields: Fields) -> Message:
    word = fields.take("role")
    role = _ROLES.get(word) if isinstance(word, str) else None
    if role is None:
        known = f"one of {', '.join(_ROLES)}"
        called = word in ("tool", "function")
        fields.fault("role", described(word), f"{known}: calls of tools are not supported" if called else known)
    text = _content(fields)
    fields.only(_UNSUPPORTED_OF_MESSAGE)
    # Templates know no names.
    fields.passed_over("name", "tool_call_id")
    fields.no_others()
    return Message(role or Role.USER, text)


def _content(fields: Fields) -> str:
    """What a message says: a text, or the texts of a list, each on a line of its own, as in datasets."""
    value = fields.take("content")
    wanted = 'a text, or a list of {"type": "text", "text": "…"}'
    if not isinstance(value, list):
        return fields.is_text("content", value, wanted)
    return "\n".join(_part(part) for part in fields.entries("content", value, wanted))


def _part(fields: Fields) -> str:
    kind = fields.take("type")
    if kind != "text":
        fields.fault("type", described(kind), '"text": contents of other kinds are not supported')
        return ""
    text = fields.text("text")
    fields.passed_over("prompt_cache_breakpoint")
    fields.no_others()
    return text


def _joined(messages: Sequence[Message]) -> list[Message]:
    """Each run of messages of one role as one."""
    runs = [(role, [message.text for message in run]) for role, run in groupby(messages, lambda message: message.role)]
    return [Message(role, "\n\n".join(filter(None, texts))) for role, texts in runs]
