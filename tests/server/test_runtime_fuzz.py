"""Whatever a request to a model says, it is answered, or refused in words that clients can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.domain.errors import ModelFailed, OutcropError, Throttled
from tests.server.bedrock.test_invoke_model import WORDS, alias
from tests.server.readable import documents
from tests.server.serving_double import ServingDouble
from tests.server.wire import Answer, Wire

#: What is broken off in the middle, and how.
FAILURES: list[OutcropError | None] = [None, None, None, ModelFailed("it ended"), Throttled("enough \ud800")]

#: Ids of every family, and of none.
MODELS = sorted({"tiny", "own.words-v1", *(words.model for words in WORDS.values())})

BEDROCK = ("invoke", "invoke-with-response-stream", "converse", "converse-stream", "count-tokens")
OPENAI = ("chat/completions", "completions", "embeddings")

WORDS_OF_BODIES = [
    *sorted({name for words in WORDS.values() for name in words.body}),
    "temperature", "top_p", "topP", "top_k", "topK", "p", "k", "seed", "random_seed", "stop", "stop_sequences",
    "stopSequences", "system", "inferenceConfig", "textGenerationConfig", "toolConfig", "tools", "outputConfig",
    "additionalModelRequestFields", "guardrailConfig", "requestMetadata", "input", "invokeModel", "converse", "body",
    "model", "n", "stream_options", "max_completion_tokens", "encoding_format", "dimensions", "echo", "suffix",
    "truncate", "num_generations", "return_likelihoods", "images", "thinking", "metadata", "anthropic_beta",
]  # fmt: skip

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["user", "assistant", "system", "tool", "text", "bedrock-2023-05-31", "messages-v1", "aGk=", ""]),
    st.sampled_from(["\ud800", "\0", "<s>[INST] a [/INST]", "\n\nHuman: a\n\nAssistant:", *MODELS, *WORDS_OF_BODIES]),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.integers(0, 3), st.floats(), TEXTS)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.sampled_from(WORDS_OF_BODIES), inner, max_size=4)
    ),
    max_leaves=10,
)
BLOCKS = st.fixed_dictionaries({"text": TEXTS}, optional={"type": st.just("text") | JSON, "image": JSON})
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant"]), "content": TEXTS | st.lists(BLOCKS | JSON, max_size=3)},
        optional={"name": JSON, "tool_calls": JSON},
    )
    | JSON,
    max_size=3,
)
RIGHT = [words.body for words in WORDS.values()]
SAID = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=8)
#: A model, and a right body in its family's words, perhaps with one member put differently or added.
NEARLY = st.builds(
    lambda words, change: (words.model, {**words.body, **change}),
    st.sampled_from(list(WORDS.values())),
    st.just({}) | st.dictionaries(st.sampled_from(WORDS_OF_BODIES), JSON, max_size=1),
)
#: Any model, and any body: a right one of any family with other messages, or whatever JSON there is.
ANYHOW = st.tuples(
    st.sampled_from(MODELS),
    st.builds(lambda body, messages: {**body, "messages": messages}, st.sampled_from(RIGHT), MESSAGES) | JSON,
)
ASKED = st.one_of(NEARLY, ANYHOW)
RAW = st.binary(max_size=80) | st.sampled_from(
    [b"", b"[" * 3000, b'{"a":' * 3000, b"9" * 5000, b"\xff\xfe{\0}\0", b"NaN"]
)


@pytest.fixture
def send(answering: Wire, serving: ServingDouble) -> Callable[..., Answer]:
    """Sends a body with a bearer key; what the answer holds can be read, and no error is of ours."""
    headers = {"authorization": f"Bearer {answering.outcrop.keys.create(bearer=True).secret}"}
    for model in MODELS:
        if model != "tiny":
            alias(answering, model)

    def send(path: str, body: bytes, fails: OutcropError | None = None) -> Answer:
        serving.fails = fails
        answer = answering.send("POST", path, headers, body)
        # A whole answer that breaks off has this status; nothing else has one of ours.
        failed = isinstance(fails, ModelFailed) and serving.asked
        assert answer.status < 500 or failed, answer.body
        assert documents(answer)
        assert b"an error of the server" not in answer.body
        serving.asked.clear()
        return answer

    return send


def written(document: Any) -> bytes:
    """A document as a client writes it; halves of characters by their escapes."""
    return json.dumps(document).encode()


@pytest.mark.parametrize("operation", BEDROCK)
def test_any_body_for_bedrock(send: Callable[..., Answer], operation: str) -> None:
    @settings(max_examples=60, derandomize=True)
    @given(ASKED, st.sampled_from(FAILURES))
    def fuzz(asked: tuple[str, Any], fails: OutcropError | None) -> None:
        model, body = asked
        send(f"/model/{quote(model, safe='')}/{operation}", written(body), fails)

    fuzz()


@pytest.mark.parametrize("operation", ["converse", "converse-stream", "count-tokens"])
def test_any_conversation(send: Callable[..., Answer], operation: str) -> None:
    """Nearer to what Converse takes, so that more of it comes to a model."""
    config = st.fixed_dictionaries({}, optional=dict.fromkeys(["maxTokens", "temperature", "topP"], st.integers(0, 2)))
    blocks = st.lists(st.fixed_dictionaries({"text": SAID}) | BLOCKS, min_size=1, max_size=2)
    messages = st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": blocks}), min_size=1, max_size=1)
    more = {"inferenceConfig": config, "system": blocks, "additionalModelRequestFields": JSON, "toolConfig": JSON}
    right = st.fixed_dictionaries({"messages": messages, "inferenceConfig": config})

    @settings(max_examples=60, derandomize=True)
    @given(
        st.sampled_from(MODELS),
        right | st.fixed_dictionaries({"messages": messages}, optional=more),
        st.sampled_from(FAILURES),
    )
    def fuzz(model: str, body: Any, fails: OutcropError | None) -> None:
        asked = {"input": {"converse": body}} if operation == "count-tokens" else body
        send(f"/model/{quote(model, safe='')}/{operation}", written(asked), fails)

    fuzz()


@pytest.mark.parametrize("path", OPENAI)
def test_any_body_for_openai(send: Callable[..., Answer], path: str) -> None:
    said = st.fixed_dictionaries({"role": st.just("user"), "content": SAID})
    texts = {"messages": st.lists(said, min_size=1, max_size=1), "prompt": SAID, "input": st.lists(SAID, min_size=1)}
    own = {"chat/completions": "messages", "completions": "prompt", "embeddings": "input"}[path]
    options = {
        "stream": st.booleans(),
        "stream_options": st.just({"include_usage": True}) | JSON,
        "n": st.just(1) | JSON,
    }
    models = st.sampled_from(MODELS)
    usual = st.fixed_dictionaries({"model": models, own: texts[own]}, optional=options)
    other = st.fixed_dictionaries({"model": models, own: MESSAGES | JSON}, optional=options)

    @settings(max_examples=60, derandomize=True)
    @given(st.sampled_from(["/v1/", "/openai/v1/"]), usual | other | JSON, st.sampled_from(FAILURES))
    def fuzz(prefix: str, body: Any, fails: OutcropError | None) -> None:
        send(f"{prefix}{path}", written(body), fails)

    fuzz()


@pytest.mark.parametrize("path", [f"/model/tiny/{each}" for each in BEDROCK] + [f"/v1/{each}" for each in OPENAI])
def test_any_bytes(send: Callable[..., Answer], path: str) -> None:
    @settings(max_examples=25, derandomize=True)
    @given(RAW)
    def fuzz(body: bytes) -> None:
        assert 400 <= send(path, body).status < 500

    fuzz()


@pytest.mark.parametrize("operation", BEDROCK)
def test_any_name_of_a_model(send: Callable[..., Answer], operation: str) -> None:
    arn = "arn:aws:bedrock:eu-central-1:123456789012:"
    kinds = ["custom-model", "provisioned-model", "imported-model", "custom-model-deployment", "inference-profile"]
    arns = st.builds(lambda kind, rest: f"{arn}{kind}/{rest}", st.sampled_from(kinds), TEXTS)

    @settings(max_examples=40, derandomize=True)
    @given(TEXTS | arns, st.sampled_from(RIGHT))
    def fuzz(model: str, body: Any) -> None:
        send(f"/model/{quote(model.encode('utf-8', 'surrogatepass'), safe='')}/{operation}", written(body))

    fuzz()
