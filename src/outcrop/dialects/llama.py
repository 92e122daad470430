"""Bodies of Meta's Llama models: a prompt, and a generation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.dialects.invocation_metrics import invocation_metrics
from outcrop.dialects.markup import read_prompt
from outcrop.dialects.members import Members
from outcrop.dialects.parameters import sampled
from outcrop.dialects.protocol import AnswerWriter, Dialect, Inference, Timing, Usual
from outcrop.dialects.unsupported import TEXTS_ALONE
from outcrop.domain.generation import Piece, Response

_USUAL = Usual(max_tokens=512, temperature=0.5, top_p=0.9)


class _Llama:
    usual = _USUAL

    def read(self, body: Mapping[str, Any]) -> Inference:
        members = Members(body)
        prompt = read_prompt(members.text("prompt"))
        parameters = sampled(
            members.whole("max_gen_len", usual=_USUAL.max_tokens, least=1),
            members.number("temperature", usual=_USUAL.temperature),
            members.number("top_p", usual=_USUAL.top_p),
            members.seed(),
        )
        members.refused(TEXTS_ALONE, "images")
        members.done()
        return Inference(prompt, parameters)

    def writer(self, body: Mapping[str, Any], model: str) -> AnswerWriter:
        return _Writer()


class _Writer:
    def __init__(self) -> None:
        self._prompt_tokens: int | None = None

    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        return _answer(response.text, response.prompt_tokens, len(response.tokens), _stop_reason(response))

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        self._prompt_tokens = prompt_tokens
        return []

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        return [_answer(piece.text, self._told_once(), piece.tokens, None)]

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        last = _answer("", self._told_once(), len(response.tokens), _stop_reason(response))
        return [last | invocation_metrics(response, timing)]

    def _told_once(self) -> int | None:
        """The prompt's length, which the first chunk alone has."""
        told, self._prompt_tokens = self._prompt_tokens, None
        return told


def _answer(text: str, prompt_tokens: int | None, tokens: int, stop_reason: str | None) -> dict[str, Any]:
    return {
        "generation": text,
        "prompt_token_count": prompt_tokens,
        "generation_token_count": tokens,
        "stop_reason": stop_reason,
    }


def _stop_reason(response: Response) -> str:
    return "length" if response.stop_reason == "max_tokens" else "stop"


LLAMA: Dialect = _Llama()
