"""Bodies of Amazon's Nova models: nearly Converse's, with names of their own for parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.dialects import content_blocks
from outcrop.dialects.invocation_metrics import invocation_metrics
from outcrop.dialects.members import Members
from outcrop.dialects.parameters import sampled
from outcrop.dialects.protocol import AnswerWriter, Dialect, Inference, Timing, Usual
from outcrop.dialects.unsupported import NO_REASONING, NO_TOOLS
from outcrop.domain.generation import Piece, Response

#: At AWS the most tokens of Nova's responses depend on the request, by a rule that is not told.
_USUAL = Usual(max_tokens=512, temperature=0.7, top_p=0.9)

_LARGEST_TOP_K = 128


class _Nova:
    usual = _USUAL

    def read(self, body: Mapping[str, Any]) -> Inference:
        members = Members(body)
        members.word("schemaVersion", ("messages-v1",))
        prompt = content_blocks.read_messages(members)
        config = members.within("inferenceConfig")
        config.refused(NO_REASONING, "reasoningConfig")
        parameters = sampled(
            config.whole("maxTokens", "max_new_tokens", "max_tokens", usual=_USUAL.max_tokens, least=1),
            config.number("temperature", usual=_USUAL.temperature),
            config.number("topP", "top_p", usual=_USUAL.top_p),
            members.seed(),
            config.whole("topK", "top_k", usual=_USUAL.top_k, most=_LARGEST_TOP_K),
            config.stops("stopSequences", "stop_sequences"),
        )
        members.refused(NO_TOOLS, "toolConfig")
        members.done()
        return Inference(prompt, parameters)

    def writer(self, body: Mapping[str, Any], model: str) -> AnswerWriter:
        return _Writer()


class _Writer:
    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        message = content_blocks.whole_message(response.text)
        return {"output": {"message": message}, "stopReason": response.stop_reason, "usage": _usage(response)}

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        return [content_blocks.message_start()]

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        return [content_blocks.text_delta(piece.text)]

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        metadata = {"usage": _usage(response), "metrics": {}, "trace": {}}
        last = {"metadata": metadata} | invocation_metrics(response, timing)
        return [*content_blocks.message_stop(response.stop_reason), last]


def _usage(response: Response) -> dict[str, int]:
    return content_blocks.usage(response.prompt_tokens, len(response.tokens))


NOVA: Dialect = _Nova()
