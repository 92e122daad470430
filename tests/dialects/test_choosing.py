from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.dialects.anthropic import ANTHROPIC
from outcrop.dialects.anthropic_text import ANTHROPIC_TEXT
from outcrop.dialects.choosing import dialect_of, usual_of
from outcrop.dialects.cohere import COHERE
from outcrop.dialects.converse import Converse
from outcrop.dialects.llama import LLAMA
from outcrop.dialects.mistral import MISTRAL
from outcrop.dialects.mistral_chat import MISTRAL_CHAT
from outcrop.dialects.nova import NOVA
from outcrop.dialects.protocol import Dialect, Inference, Usual
from outcrop.dialects.titan import TITAN
from outcrop.domain.errors import InvalidInput

MESSAGES = [{"role": "user", "content": "Hi"}]
TYPED = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
BLOCKS = [{"role": "user", "content": [{"text": "Hi"}]}]


@pytest.mark.parametrize(
    ("model_id", "body", "expected"),
    [
        ("meta.llama3-1-8b-instruct-v1:0", {"inputText": "Hi"}, LLAMA),
        ("anthropic.claude-3-haiku-20240307-v1:0", {"messages": MESSAGES}, ANTHROPIC),
        ("anthropic.claude-v2", {"prompt": "Hi"}, ANTHROPIC_TEXT),
        ("amazon.nova-micro-v1:0", {"messages": MESSAGES}, NOVA),
        ("amazon.titan-text-express-v1", {"prompt": "Hi"}, TITAN),
        ("mistral.mistral-7b-instruct-v0:2", {"prompt": "Hi"}, MISTRAL),
        ("mistral.mistral-large-2407-v1:0", {"messages": MESSAGES}, MISTRAL_CHAT),
        ("cohere.command-text-v14", {"prompt": "Hi"}, COHERE),
        ("ai21.jamba-1-5-mini-v1:0", {"messages": MESSAGES}, MISTRAL_CHAT),
    ],
)
def test_the_provider_decides(model_id: str, body: dict[str, Any], expected: Dialect) -> None:
    assert dialect_of(model_id, body) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"inputText": "Hi"}, TITAN),
        ({"textGenerationConfig": {}}, TITAN),
        ({"prompt": "Hi"}, LLAMA),
        ({"prompt": "Hi", "temperature": 0.5}, LLAMA),
        ({"prompt": "Hi", "max_gen_len": 5}, LLAMA),
        ({"prompt": "Hi", "max_tokens_to_sample": 5}, ANTHROPIC_TEXT),
        ({"prompt": "Hi", "anthropic_version": "bedrock-2023-05-31"}, ANTHROPIC_TEXT),
        ({"prompt": "Hi", "max_tokens": 5}, MISTRAL),
        ({"prompt": "Hi", "max_tokens": 5, "p": 1}, COHERE),
        ({"prompt": "Hi", "stop": ["|"]}, MISTRAL),
        ({"messages": MESSAGES, "anthropic_version": "bedrock-2023-05-31", "max_tokens": 5}, ANTHROPIC),
        ({"messages": TYPED, "max_tokens": 5}, ANTHROPIC),
        ({"messages": MESSAGES, "max_tokens": 5, "system": "Be brief"}, ANTHROPIC),
        ({"messages": MESSAGES, "system": [{"type": "text", "text": "Be brief"}]}, ANTHROPIC),
        ({"messages": MESSAGES, "max_tokens": 5}, MISTRAL_CHAT),
        ({"messages": MESSAGES, "inferenceConfig": {}}, NOVA),
        ({"messages": MESSAGES, "schemaVersion": "messages-v1"}, NOVA),
        ({"messages": BLOCKS}, NOVA),
        ({"messages": [], "system": [{"text": "Be brief"}]}, NOVA),
    ],
)
@pytest.mark.parametrize("model_id", ["", "my-model"])
def test_without_a_provider_the_body_decides(model_id: str, body: dict[str, Any], expected: Dialect) -> None:
    assert dialect_of(model_id, body) is expected


def test_a_body_that_fits_none_is_told_what_each_family_wants() -> None:
    with pytest.raises(InvalidInput) as raised:
        dialect_of("", {"question": "Hi"})
    assert 'found an object with "question"; expected a body of a family of models' in str(raised.value)
    for family in ("Llama", "Anthropic", "Nova", "Titan", "Mistral", "Cohere"):
        assert f"{family}'s {{" in str(raised.value)


@pytest.mark.parametrize("body", [[], "Hi", None, 5])
@pytest.mark.parametrize("model_id", ["", "meta.llama3-1-8b-instruct-v1:0"])
def test_a_body_is_an_object(model_id: str, body: object) -> None:
    with pytest.raises(InvalidInput, match="expected a JSON object"):
        dialect_of(model_id, body)


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [
        ("meta.llama3-1-8b-instruct-v1:0", Usual(512, 0.5, 0.9)),
        ("amazon.titan-text-lite-v1", Usual(512, 0.7, 0.9)),
        ("amazon.nova-pro-v1:0", Usual(512, 0.7, 0.9)),
        ("anthropic.claude-v2", Usual(512, 1.0, 0.999)),
        ("mistral.mixtral-8x7b-instruct-v0:1", Usual(512, 0.5, 0.9, 50)),
        ("cohere.command-text-v14", Usual(20, 0.9, 0.75)),
        ("smollm2-135m-instruct", Usual(512)),
        ("", Usual(512)),
    ],
)
def test_what_converse_does_where_a_request_does_not_say(model_id: str, expected: Usual) -> None:
    assert usual_of(model_id) == expected


# any body

_NAMES = st.sampled_from(
    re.findall(
        r"\w+",
        """
        prompt inputText messages system role content text type image toolUse cachePoint anthropic_version schemaVersion
        max_tokens max_gen_len max_tokens_to_sample maxTokens maxTokenCount temperature top_p topP p k top_k topK seed
        stop stop_sequences stopSequences stream truncate num_generations inferenceConfig textGenerationConfig
        toolConfig additionalModelRequestFields outputConfig textFormat thinking images metadata logit_bias
        """,
    )
)
_WORDS = st.sampled_from(
    [
        "user",
        "assistant",
        "system",
        "text",
        "bedrock-2023-05-31",
        "messages-v1",
        "NONE",
        "[INST] a [/INST]",
        "\ud800",
        " ",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
_MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": _VALUES | st.just("Hi")}),
    max_size=3,
)
_BODIES = st.dictionaries(_NAMES | st.text(max_size=3), _VALUES, max_size=6) | st.fixed_dictionaries(
    {}, optional={"prompt": _WORDS, "messages": _MESSAGES, "max_tokens": st.just(5), "inputText": _WORDS}
)
_IDS = ["", "meta.a", "anthropic.a", "amazon.nova-a", "amazon.titan-a", "mistral.a", "cohere.a"]


@given(st.sampled_from(_IDS), _BODIES)
@settings(max_examples=400, deadline=None)
def test_any_body_is_read_or_refused(model_id: str, body: dict[str, Any]) -> None:
    try:
        dialect = dialect_of(model_id, body)
        asked = dialect.read(body)
    except InvalidInput as refused:
        str(refused).encode()
    else:
        assert_sound(asked)
        assert dialect.writer(body, "a-model").begin(5) is not None


@given(_BODIES)
@settings(max_examples=200, deadline=None)
def test_any_request_to_converse_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        asked = Converse(usual_of("")).read(body)
    except InvalidInput as refused:
        str(refused).encode()
    else:
        assert_sound(asked)


def assert_sound(asked: Inference) -> None:
    assert asked.parameters.faults() == []
    assert asked.prompt.messages[-1].role == "user"
    assert all(message.text.strip() for message in asked.prompt.messages)
