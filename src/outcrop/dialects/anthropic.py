"""Bodies of Anthropic's models, by its messages."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from outcrop.dialects.anthropic_text import ANTHROPIC_VERSION, LARGEST_TOP_K
from outcrop.dialects.conversation import joined, read_conversation
from outcrop.dialects.invocation_metrics import invocation_metrics
from outcrop.dialects.members import Members
from outcrop.dialects.parameters import sampled
from outcrop.dialects.protocol import AnswerWriter, Dialect, Inference, Timing, Usual
from outcrop.dialects.unsupported import NO_REASONING, NO_SCHEMA, NO_TOOLS, TEXTS_ALONE
from outcrop.domain.generation import Piece, Response

#: A body has to say ``max_tokens``; of Converse, which has not, the most is 512 here.
_USUAL = Usual(max_tokens=512, top_p=0.999)

_BLOCK = '{"type": "text", "text": "…"}'


class _Anthropic:
    usual = _USUAL

    def read(self, body: Mapping[str, Any]) -> Inference:
        members = Members(body)
        members.word("anthropic_version", (ANTHROPIC_VERSION,), needed=True)
        system = _content(members, "system") if members.given("system") not in (None, "", []) else ""
        prompt = read_conversation(members, _message, system)
        parameters = sampled(
            members.whole("max_tokens", usual=None, least=1),
            members.number("temperature", usual=_USUAL.temperature),
            members.number("top_p", usual=_USUAL.top_p),
            members.seed(),
            members.whole("top_k", usual=_USUAL.top_k, most=LARGEST_TOP_K),
            members.stops("stop_sequences"),
        )
        members.passed_over("metadata", "anthropic_beta")
        members.refused(NO_TOOLS, "tools", "tool_choice")
        members.refused(NO_REASONING, "thinking")
        members.refused(NO_SCHEMA, "output_config", "output_format")
        members.done()
        return Inference(prompt, parameters)

    def writer(self, body: Mapping[str, Any], model: str) -> AnswerWriter:
        return _Writer(model)


class _Writer:
    def __init__(self, model: str) -> None:
        self._message = {
            "id": f"msg_bdrk_{secrets.token_hex(12)}",
            "type": "message",
            "role": "assistant",
            "model": model,
        }

    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        content = [{"type": "text", "text": response.text}]
        usage = {"input_tokens": response.prompt_tokens, "output_tokens": len(response.tokens)}
        return {**self._message, "content": content, **_ending(response), "usage": usage}

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None}
        message = {**self._message, **empty, "usage": {"input_tokens": prompt_tokens, "output_tokens": 0}}
        block = {"type": "text", "text": ""}
        return [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
        ]

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        return [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece.text}}]

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        usage = {"output_tokens": len(response.tokens)}
        return [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": _ending(response), "usage": usage},
            {"type": "message_stop"} | invocation_metrics(response, timing),
        ]


def _ending(response: Response) -> dict[str, str | None]:
    return {"stop_reason": response.stop_reason, "stop_sequence": response.stop_sequence or None}


def _message(item: Members) -> str:
    return _content(item, "content")


def _content(item: Members, name: str) -> str:
    """A text, or a list of typed blocks that are texts."""
    if not isinstance(item.given(name), list):
        return item.text(name)
    return joined([_text(block) for block in item.each_in(name, f"a list of {_BLOCK}")])


def _text(block: Members) -> str:
    block.passed_over("cache_control", "citations")
    if block.given("type") != "text":
        block.fault("type", f'"text": {TEXTS_ALONE}')
        block.passed_over(*block.names())
        return ""
    return block.text("text")


ANTHROPIC: Dialect = _Anthropic()
