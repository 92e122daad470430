"""Bodies of Cohere's Command models: a prompt, and generations."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from outcrop.dialects.invocation_metrics import invocation_metrics
from outcrop.dialects.markup import read_prompt
from outcrop.dialects.members import Members
from outcrop.dialects.parameters import sampled
from outcrop.dialects.protocol import AnswerWriter, Dialect, Inference, Timing, Usual
from outcrop.dialects.unsupported import NO_BIAS, NO_LIKELIHOODS, ONE_RESPONSE
from outcrop.domain.generation import Piece, Response

_USUAL = Usual(max_tokens=20, temperature=0.9, top_p=0.75)

_HOTTEST = 5.0
_LARGEST_K = 500


class _Cohere:
    usual = _USUAL

    def read(self, body: Mapping[str, Any]) -> Inference:
        members = Members(body)
        prompt = read_prompt(members.text("prompt"))
        parameters = sampled(
            members.whole("max_tokens", usual=_USUAL.max_tokens, least=1),
            members.number("temperature", usual=_USUAL.temperature, most=_HOTTEST),
            members.number("p", usual=_USUAL.top_p),
            members.seed(),
            members.whole("k", usual=_USUAL.top_k, most=_LARGEST_K),
            members.stops("stop_sequences"),
        )
        _read_others(members)
        members.done()
        return Inference(prompt, parameters)

    def writer(self, body: Mapping[str, Any], model: str) -> AnswerWriter:
        return _Writer(str(body["prompt"]), streams=body.get("stream") is True)


def _read_others(members: Members) -> None:
    """What has one value that is right here, or changes nothing: a prompt that is too long is refused, never cut."""
    members.refused(NO_BIAS, "logit_bias")
    members.word("truncate", ("NONE", "START", "END"))
    if not isinstance(members.given("stream"), bool | None):
        members.fault("stream", "true or false")
    if members.given("return_likelihoods") not in (None, "NONE"):
        members.fault("return_likelihoods", f'"NONE": {NO_LIKELIHOODS}')
    if members.whole("num_generations", usual=1, least=1) != 1:
        members.fault("num_generations", f"1: {ONE_RESPONSE}")


class _Writer:
    """A stream has parts only where the body asks for them, as at AWS; else its one chunk is the whole answer."""

    def __init__(self, prompt: str, *, streams: bool) -> None:
        self._prompt = prompt
        self._streams = streams

    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        generation = {"finish_reason": _reason(response), "id": str(uuid.uuid4()), "text": response.text}
        return {"generations": [generation], "id": str(uuid.uuid4()), "prompt": self._prompt}

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        return []

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        return [{"text": piece.text, "is_finished": False}] if self._streams else []

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        last = self.whole(response, timing)
        if self._streams:
            last = {"is_finished": True, "finish_reason": _reason(response), "response": last}
        return [last | invocation_metrics(response, timing)]


def _reason(response: Response) -> str:
    return "MAX_TOKENS" if response.stop_reason == "max_tokens" else "COMPLETE"


COHERE: Dialect = _Cohere()
