"""Whatever a body says, it is a request or an error of the client's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.server.openai.chat import read_chat
from outcrop.server.openai.completions import read_completion
from outcrop.server.openai.embeddings import read_embedding
from outcrop.server.openai.errors import error_document
from outcrop.server.openai.text_request import TextRequest

TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["user", "assistant", "system", "text", "\ud800", "base64"]))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}) | JSON, max_size=3)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", "developer", "tool"]), "content": TEXTS | PARTS},
        optional={"name": JSON, "refusal": JSON, "tool_calls": JSON},
    )
    | JSON,
    max_size=4,
)
NAMES = [
    "temperature", "top_p", "top_k", "seed", "stop", "n", "stream", "stream_options", "max_tokens",
    "max_completion_tokens", "tools", "response_format", "logprobs", "logit_bias", "echo", "suffix", "dimensions",
    "encoding_format", "user", "metadata", "unknown",
]  # fmt: skip
BODIES = st.fixed_dictionaries(
    {"model": st.just("rock") | JSON, "messages": MESSAGES | JSON, "prompt": TEXTS | JSON, "input": TEXTS | JSON},
    optional=dict.fromkeys(NAMES, JSON),
)
OWN = {read_chat: "messages", read_completion: "prompt", read_embedding: "input"}


@pytest.mark.parametrize("read", [read_chat, read_completion, read_embedding])
@settings(max_examples=60, deadline=None)
@given(body=BODIES | st.dictionaries(TEXTS, JSON, max_size=4))
def test_any_body_is_a_request_or_refused(read: Any, body: dict[str, Any]) -> None:
    given = {name: value for name, value in body.items() if name not in {*OWN.values()} - {OWN[read]}}
    try:
        found = read(given)
    except InvalidInput as error:
        status, document = error_document(error, "fuzz")
        assert status == 400
        assert json.dumps(document, ensure_ascii=False).encode()
        return
    assert found.model.encode()
    if isinstance(found, TextRequest):
        assert found.inference.parameters.faults() == []
        assert all(message.text.encode() is not None for message in found.inference.prompt.messages)
        assert found.inference.prompt.messages
