"""Bodies of Amazon's Titan text models: a text in, results out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.dialects.invocation_metrics import invocation_metrics
from outcrop.dialects.markup import USER_BOT, read_prompt
from outcrop.dialects.members import Members
from outcrop.dialects.parameters import sampled
from outcrop.dialects.protocol import AnswerWriter, Dialect, Inference, Timing, Usual
from outcrop.domain.generation import Piece, Response

_USUAL = Usual(max_tokens=512, temperature=0.7, top_p=0.9)

#: As the models write them: AWS's guide has ``FINISHED`` for the first, no model ever did.
_REASONS = {"end_turn": "FINISH", "max_tokens": "LENGTH", "stop_sequence": "STOP_CRITERIA_MET"}


class _Titan:
    usual = _USUAL

    def read(self, body: Mapping[str, Any]) -> Inference:
        members = Members(body)
        prompt = read_prompt(members.text("inputText"), USER_BOT)
        config = members.within("textGenerationConfig")
        parameters = sampled(
            config.whole("maxTokenCount", usual=_USUAL.max_tokens, least=1),
            config.number("temperature", usual=_USUAL.temperature),
            config.number("topP", usual=_USUAL.top_p),
            members.seed(),
            stop=config.stops("stopSequences"),
        )
        members.done()
        return Inference(prompt, parameters)

    def writer(self, body: Mapping[str, Any], model: str) -> AnswerWriter:
        return _Writer()


class _Writer:
    def __init__(self) -> None:
        self._prompt_tokens: int | None = None

    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        result = {
            "tokenCount": len(response.tokens),
            "outputText": response.text,
            "completionReason": _REASONS[response.stop_reason],
        }
        return {"inputTextTokenCount": response.prompt_tokens, "results": [result]}

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        self._prompt_tokens = prompt_tokens
        return []

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        return [self._chunk(piece.text, None, None)]

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        last = self._chunk("", len(response.tokens), _REASONS[response.stop_reason])
        return [last | invocation_metrics(response, timing)]

    def _chunk(self, text: str, tokens: int | None, reason: str | None) -> dict[str, Any]:
        """A part of the text; the prompt's length is in the first one alone."""
        told, self._prompt_tokens = self._prompt_tokens, None
        return {
            "outputText": text,
            "index": 0,
            "totalOutputTextTokenCount": tokens,
            "completionReason": reason,
            "inputTextTokenCount": told,
        }


TITAN: Dialect = _Titan()
