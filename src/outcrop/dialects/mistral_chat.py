"""Bodies of Mistral AI's models that chat: messages, and choices."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from outcrop.dialects.conversation import read_conversation
from outcrop.dialects.invocation_metrics import invocation_metrics
from outcrop.dialects.members import Members
from outcrop.dialects.mistral import stop_reason
from outcrop.dialects.parameters import sampled
from outcrop.dialects.protocol import AnswerWriter, Dialect, Inference, Timing, Usual
from outcrop.dialects.unsupported import NO_SCHEMA, NO_TOOLS
from outcrop.domain.generation import Piece, Response
from outcrop.domain.records import Role

#: At AWS the most tokens are as many as the model can write, 8192 of its large ones.
_USUAL = Usual(max_tokens=512, temperature=0.7)


class _MistralChat:
    usual = _USUAL

    def read(self, body: Mapping[str, Any]) -> Inference:
        members = Members(body)
        prompt = read_conversation(members, _text, first_role=Role.SYSTEM)
        parameters = sampled(
            members.whole("max_tokens", usual=_USUAL.max_tokens, least=1),
            members.number("temperature", usual=_USUAL.temperature),
            members.number("top_p", usual=_USUAL.top_p),
            members.seed("random_seed"),
            stop=members.stops("stop"),
        )
        members.refused(NO_TOOLS, "tools", "tool_choice")
        members.refused(NO_SCHEMA, "response_format")
        members.done()
        return Inference(prompt, parameters)

    def writer(self, body: Mapping[str, Any], model: str) -> AnswerWriter:
        return _Writer(model)


class _Writer:
    def __init__(self, model: str) -> None:
        self._named = {"id": str(uuid.uuid4()), "created": int(time.time()), "model": model}

    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        answer = self._answer("chat.completion", "assistant", response.text, stop_reason(response))
        return answer | {"usage": _usage(response)}

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        return [self._chunk("assistant", "", None)]

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        return [self._chunk(None, piece.text, None)]

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        last = self._chunk(None, "", stop_reason(response)) | {"usage": _usage(response)}
        return [last | invocation_metrics(response, timing)]

    def _chunk(self, role: str | None, text: str, reason: str | None) -> dict[str, Any]:
        return self._answer("chat.completion.chunk", role, text, reason)

    def _answer(self, kind: str, role: str | None, text: str, reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "message": {"role": role, "content": text}, "stop_reason": reason}
        return {**self._named, "object": kind, "choices": [choice]}


def _text(item: Members) -> str:
    item.refused(NO_TOOLS, "tool_calls", "tool_call_id")
    return item.text("content")


def _usage(response: Response) -> dict[str, int]:
    read, written = response.prompt_tokens, len(response.tokens)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


MISTRAL_CHAT: Dialect = _MistralChat()
