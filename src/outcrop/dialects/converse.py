"""Converse: one wording for every model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.dialects import content_blocks
from outcrop.dialects.invocation_metrics import milliseconds
from outcrop.dialects.members import Members
from outcrop.dialects.parameters import sampled
from outcrop.dialects.protocol import AnswerWriter, Inference, Timing, Usual
from outcrop.dialects.unsupported import NO_GUARDRAILS, NO_REASONING, NO_SCHEMA, NO_TOOLS
from outcrop.domain.generation import GenerationParameters, Piece, Response


@dataclass(frozen=True)
class Converse:
    """The wording of Converse and ConverseStream, for models of one family.

    A body has the operation's members under their names in JSON.
    """

    usual: Usual

    def read(self, body: Mapping[str, Any]) -> Inference:
        """What a request asks.

        Raises:
            InvalidInput: Members are missing, unknown, of a wrong type or out of range, or ask for what is not
                supported: all faults.
        """
        members = Members(body)
        prompt = content_blocks.read_messages(members)
        parameters = self._parameters(members.within("inferenceConfig"), members.within("additionalModelRequestFields"))
        members.refused(NO_TOOLS, "toolConfig")
        members.refused(NO_GUARDRAILS, "guardrailConfig")
        members.refused("prompts are not managed here: send the messages", "promptVariables")
        output = members.within("outputConfig")
        output.refused(NO_SCHEMA, "textFormat")
        output.refused(NO_REASONING, "effort")
        members.passed_over("modelId", "requestMetadata", "performanceConfig", "serviceTier")
        members.passed_over("additionalModelResponseFieldPaths")
        members.done()
        return Inference(prompt, parameters)

    def writer(self, body: Mapping[str, Any], model: str) -> AnswerWriter:
        """Writes the answer to a request that was read."""
        return _Writer()

    def _parameters(self, config: Members, more: Members) -> GenerationParameters:
        """Sampling, of which Converse has no ``topK`` and no seed: they come as the model's own members."""
        more.refused(NO_REASONING, "thinking", "reasoning_config", "reasoning_effort", "reasoningConfig")
        more.refused(NO_TOOLS, "tools", "tool_choice")
        inner = more.within("inferenceConfig")
        top_k = inner.whole("topK", "top_k", usual=self.usual.top_k)
        return sampled(
            config.whole("maxTokens", usual=self.usual.max_tokens, least=1),
            config.number("temperature", usual=self.usual.temperature),
            config.number("topP", usual=self.usual.top_p),
            more.seed(),
            more.whole("top_k", "topK", "k", usual=top_k),
            config.stops("stopSequences"),
        )


class _Writer:
    def whole(self, response: Response, timing: Timing) -> dict[str, Any]:
        message = content_blocks.whole_message(response.text)
        return {"output": {"message": message}, "stopReason": response.stop_reason, **_counted(response, timing)}

    def begin(self, prompt_tokens: int) -> list[dict[str, Any]]:
        return [content_blocks.message_start()]

    def piece(self, piece: Piece) -> list[dict[str, Any]]:
        return [content_blocks.text_delta(piece.text)]

    def end(self, response: Response, timing: Timing) -> list[dict[str, Any]]:
        return [*content_blocks.message_stop(response.stop_reason), {"metadata": _counted(response, timing)}]


def _counted(response: Response, timing: Timing) -> dict[str, Any]:
    usage = content_blocks.usage(response.prompt_tokens, len(response.tokens))
    return {"usage": usage, "metrics": {"latencyMs": milliseconds(timing.whole)}}
