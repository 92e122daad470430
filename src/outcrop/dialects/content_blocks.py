"""Messages as Converse and Nova write them: lists of content blocks, each of which has one member."""

from __future__ import annotations

from typing import Any

from outcrop.dialects.conversation import joined, read_conversation
from outcrop.dialects.members import Members
from outcrop.dialects.unsupported import NO_GUARDRAILS, NO_REASONING, NO_TOOLS, TEXTS_ALONE
from outcrop.domain.generation import Prompt


def read_messages(body: Members) -> Prompt:
    """What ``system`` and ``messages`` of a body ask."""
    system = _texts(body, "system") if body.given("system") not in (None, []) else ""
    return read_conversation(body, _message, system)


def whole_message(text: str) -> dict[str, Any]:
    """A response as a message by the assistant."""
    return {"role": "assistant", "content": [{"text": text}]}


def message_start() -> dict[str, Any]:
    """The event before the first text."""
    return {"messageStart": {"role": "assistant"}}


def text_delta(text: str) -> dict[str, Any]:
    """The event of a part of the text."""
    return {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}}


def message_stop(stop_reason: str) -> list[dict[str, Any]]:
    """The events after the last text."""
    return [{"contentBlockStop": {"contentBlockIndex": 0}}, {"messageStop": {"stopReason": stop_reason}}]


def usage(prompt_tokens: int, tokens: int) -> dict[str, int]:
    """Tokens read, tokens written, and both."""
    return {"inputTokens": prompt_tokens, "outputTokens": tokens, "totalTokens": prompt_tokens + tokens}


def _message(item: Members) -> str:
    return _texts(item, "content")


def _texts(item: Members, name: str) -> str:
    """The texts of a list of blocks; a list of cache points alone says nothing."""
    expected = 'a list of {"text": "…"}'
    texts = [_text(block) for block in item.each_in(name, expected)]
    if texts and not any(is_text for is_text, _ in texts):
        item.fault(name, expected)
    return joined([text for _, text in texts])


def _text(block: Members) -> tuple[bool, str]:
    """Whether a block was to be a text, and what it says."""
    # Nearly every block is one, and a long body has a million: what else it could be is not asked then.
    if block.names() == ("text",):
        return True, block.text("text")
    refused = [
        block.refused(TEXTS_ALONE, "image", "document", "video", "audio", "searchResult", "citationsContent"),
        block.refused(NO_TOOLS, "toolUse", "toolResult", "toolAddition", "toolRemoval"),
        block.refused(NO_REASONING, "reasoningContent"),
        block.refused(NO_GUARDRAILS, "guardContent"),
    ]
    if any(refused):
        return True, ""
    if block.given("cachePoint") is not None:
        return False, ""
    return True, block.text("text")
