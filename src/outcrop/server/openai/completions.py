"""``POST /v1/completions``: a text that is gone on with as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.dialects.protocol import Inference, Timing, Usual
from outcrop.domain.generation import Piece, Prompt, Response
from outcrop.domain.records import Message, Role
from outcrop.server.openai.fields import Fields
from outcrop.server.openai.objects import Objects, finish_reason
from outcrop.server.openai.text_request import UNSUPPORTED, TextRequest, read_parameters, read_stream

USUAL = Usual(max_tokens=16)

_UNSUPPORTED: Mapping[str, tuple[object, ...]] = {
    **UNSUPPORTED,
    "best_of": (1,),
    "echo": (False,),
    "logprobs": (),
    "suffix": (),
}


def read_completion(body: Mapping[str, Any]) -> TextRequest:
    """What a body asks.

    Raises:
        InvalidInput: Members are missing, unknown, of a wrong type or out of range, or ask for what is not supported:
            all faults.
    """
    fields = Fields(body)
    model = fields.name("model")
    prompt = Prompt(0, (Message(Role.USER, _text(fields)),), chat=False)
    parameters = read_parameters(fields, USUAL, ("max_tokens",))
    stream, include_usage = read_stream(fields)
    fields.only(_UNSUPPORTED)
    fields.passed_over("user")
    fields.finish()
    objects = Objects("cmpl", "text_completion", "text_completion", model, include_usage)
    return TextRequest(model, Inference(prompt, parameters), stream, CompletionWriter(objects))


class CompletionWriter:
    """Writes one answer as ``text_completion``, or as several of them; implements ``AnswerWriter``."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        """See ``AnswerWriter.whole``."""
        return self._objects.whole(_choice(response.text, finish_reason(response)), response)

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        """See ``AnswerWriter.begin``; there is nothing to say."""
        return []

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        """See ``AnswerWriter.piece``."""
        return [self._objects.part(_choice(piece.text))]

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        """See ``AnswerWriter.end``."""
        return [self._objects.part(_choice("", finish_reason(response))), *self._objects.usage(response)]


def _choice(text: str, reason: str | None = None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}


def _text(fields: Fields) -> str:
    """The prompt, which may stand in a list of its own."""
    value = fields.take("prompt")
    only = value[0] if isinstance(value, list) and len(value) == 1 else value
    wanted = "one text that is not empty: lists of texts, and tokens, are not supported"
    return fields.is_text("prompt", only, wanted, least=1)
