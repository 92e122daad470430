"""Bodies of Mistral AI's models that complete a text: a prompt, and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.dialects.invocation_metrics import invocation_metrics
from outcrop.dialects.markup import read_prompt
from outcrop.dialects.members import Members
from outcrop.dialects.parameters import sampled
from outcrop.dialects.protocol import AnswerWriter, Dialect, Inference, Timing, Usual
from outcrop.domain.generation import Piece, Response

_USUAL = Usual(max_tokens=512, temperature=0.5, top_p=0.9, top_k=50)

_LARGEST_TOP_K = 200


class _Mistral:
    usual = _USUAL

    def read(self, body: Mapping[str, Any]) -> Inference:
        members = Members(body)
        prompt = read_prompt(members.text("prompt"))
        parameters = sampled(
            members.whole("max_tokens", usual=_USUAL.max_tokens, least=1),
            members.number("temperature", usual=_USUAL.temperature),
            members.number("top_p", usual=_USUAL.top_p),
            members.seed(),
            members.whole("top_k", usual=_USUAL.top_k, most=_LARGEST_TOP_K),
            members.stops("stop"),
        )
        members.done()
        return Inference(prompt, parameters)

    def writer(self, body: Mapping[str, Any], model: str) -> AnswerWriter:
        return _Writer()


class _Writer:
    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        return _answer(response.text, stop_reason(response))

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        return []

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        return [_answer(piece.text, None)]

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        return [_answer("", stop_reason(response)) | invocation_metrics(response, timing)]


def stop_reason(response: Response) -> str:
    """Why a response ended, in Mistral's words."""
    return "length" if response.stop_reason == "max_tokens" else "stop"


def _answer(text: str, reason: str | None) -> dict[str, Any]:
    return {"outputs": [{"text": text, "stop_reason": reason}]}


MISTRAL: Dialect = _Mistral()
