"""Bodies of Anthropic's older models, by its text completions: a prompt in turns, and a completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.dialects.invocation_metrics import invocation_metrics
from outcrop.dialects.markup import HUMAN_ASSISTANT, read_prompt
from outcrop.dialects.members import Members
from outcrop.dialects.parameters import sampled
from outcrop.dialects.protocol import AnswerWriter, Dialect, Inference, Timing, Usual
from outcrop.domain.generation import Piece, Response

ANTHROPIC_VERSION = "bedrock-2023-05-31"

LARGEST_TOP_K = 500

_USUAL = Usual(max_tokens=200, top_k=250)

#: These models end a turn by beginning the next one.
_NEXT_TURN = "\n\nHuman:"


class _AnthropicText:
    usual = _USUAL

    def read(self, body: Mapping[str, Any]) -> Inference:
        members = Members(body)
        members.word("anthropic_version", (ANTHROPIC_VERSION,))
        prompt = read_prompt(members.text("prompt"), HUMAN_ASSISTANT)
        parameters = sampled(
            members.whole("max_tokens_to_sample", usual=None, least=1),
            members.number("temperature", usual=_USUAL.temperature),
            members.number("top_p", usual=_USUAL.top_p),
            members.seed(),
            members.whole("top_k", usual=_USUAL.top_k, most=LARGEST_TOP_K),
            members.stops("stop_sequences"),
        )
        members.done()
        return Inference(prompt, parameters)

    def writer(self, body: Mapping[str, Any], model: str) -> AnswerWriter:
        return _Writer()


class _Writer:
    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        return _answer(response.text, *_ending(response))

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        return []

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        return [_answer(piece.text, None, None)]

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        return [_answer("", *_ending(response)) | invocation_metrics(response, timing)]


def _answer(text: str, reason: str | None, stop: str | None) -> dict[str, Any]:
    return {"type": "completion", "completion": text, "stop_reason": reason, "stop": stop}


def _ending(response: Response) -> tuple[str, str | None]:
    """Why a response ended, and the text that ended it."""
    if response.stop_reason == "max_tokens":
        return "max_tokens", None
    return "stop_sequence", response.stop_sequence or _NEXT_TURN


ANTHROPIC_TEXT: Dialect = _AnthropicText()
