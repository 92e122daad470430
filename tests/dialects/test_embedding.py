"""Bodies of models that give vectors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.dialects.embedding import read_embedding
from outcrop.domain.errors import InvalidInput

TITAN, COHERE = "amazon.titan-embed-text-v2", "cohere.embed-english-v3"
VECTORS = [[0.5, -0.25], [1.0, 0.0]]


@pytest.mark.parametrize("model", [TITAN, ""])
def test_titan(model: str) -> None:
    body = {"inputText": "Grüße", "dimensions": 2, "normalize": True, "embeddingTypes": ["float"]}
    request = read_embedding(model, body)
    assert request.texts == ("Grüße",)
    request.require_width(2)
    with pytest.raises(InvalidInput, match=r"dimensions: found 2; expected 384, as many as the model gives"):
        request.require_width(384)
    assert request.write(VECTORS[:1], 7) == {
        "embedding": VECTORS[0],
        "embeddingsByType": {"float": VECTORS[0]},
        "inputTextTokenCount": 7,
    }


@pytest.mark.parametrize("model", [COHERE, ""])
def test_cohere(model: str) -> None:
    request = read_embedding(model, {"texts": ["a", "b"], "input_type": "search_query", "truncate": "END"})
    assert request.texts == ("a", "b")
    answer = request.write(VECTORS, 7)
    assert answer.pop("id")
    assert answer == {"response_type": "embeddings_floats", "embeddings": VECTORS, "texts": ["a", "b"]}
    named = read_embedding(model, {"texts": ["a"], "embedding_types": ["float"]}).write(VECTORS[:1], 7)
    assert (named["response_type"], named["embeddings"]) == ("embeddings_by_type", {"float": VECTORS[:1]})


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"inputText": " ", "normalize": False, "embeddingTypes": ["binary"], "dimension": 3}, 4),
        ({"texts": [], "input_type": "x", "embedding_types": ["int8"]}, 3),
        ({"texts": ["a", ""]}, 1),
        ({"texts": ["a"] * 97}, 1),
        ({"texts": ["\ud800"]}, 1),
        ({}, 1),
        ([], 1),
        (None, 1),
    ],
)
def test_all_faults_at_once(body: Any, faults: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_embedding("", body)
    assert refused.value.total == faults


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("inputText", "texts", "dimensions", "x"), _JSON)) | _JSON)
def test_any_body_is_read_or_refused(body: Any) -> None:
    try:
        assert read_embedding("", body).texts
    except InvalidInput as error:
        assert error.faults  # noqa: PT017 - either will do
