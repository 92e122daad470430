"""Embeddings: texts in, vectors out, as numbers and in base64."""

from __future__ import annotations

import base64
import struct
from typing import Any

import numpy as np
import openai
import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.embedding_create_params import EmbeddingCreateParams

from outcrop.domain.errors import InvalidInput
from outcrop.server.openai.embeddings import Embeddings, read_embedding, write_embeddings
from tests.server.openai.double import Double, strictly

FOUND = Embeddings(np.array([[1.5, -0.1, 3e-30], [0.0, 1 / 3, -2.0]], np.float32), 9)


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "words", "input": ["basalt", "tuff"], **changes}


def test_texts_are_read() -> None:
    assert read_embedding(body(input="basalt")).texts == ("basalt",)
    found = read_embedding(body(user="u", encoding_format="base64", dimensions=3))
    assert (found.model, found.texts, found.base64, found.dimensions) == ("words", ("basalt", "tuff"), True, 3)
    assert len(read_embedding(body(input=["a"] * 2048)).texts) == 2048


@pytest.mark.parametrize(
    ("member", "value", "places"),
    [
        ("input", None, ["input"]),
        ("input", "", ["input"]),
        ("input", [], ["input"]),
        ("input", ["a"] * 2049, ["input"]),
        ("input", [1, 2], ["input[0]", "input[1]"]),
        ("input", [[1, 2]], ["input[0]"]),
        ("input", ["a", "", "\ud800"], ["input[1]", "input[2]"]),
        ("encoding_format", "int8", ["encoding_format"]),
        ("encoding_format", [], ["encoding_format"]),
        ("dimensions", 0, ["dimensions"]),
        ("model", None, ["model"]),
        ("truncate", True, [""]),
    ],
)
def test_what_is_wrong_is_said_by_its_member(member: str, value: object, places: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_embedding(body(**{member: value}))
    assert [fault.field for fault in refused.value.faults] == places


def test_every_member_of_the_official_client_is_answered_on_purpose() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_embedding(dict.fromkeys(EmbeddingCreateParams.__annotations__, 5.5))
    assert "" not in [fault.field for fault in refused.value.faults]


def test_numbers_are_those_of_the_model() -> None:
    answer = strictly(CreateEmbeddingResponse, write_embeddings(read_embedding(body()), FOUND))
    assert (answer.object, answer.model) == ("list", "words")
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (9, 9)
    assert [entry.index for entry in answer.data] == [0, 1]
    for entry, vector in zip(answer.data, FOUND.vectors, strict=True):
        assert np.array_equal(np.array(entry.embedding, np.float32), vector)


@pytest.mark.parametrize("vectors", [FOUND.vectors, np.asfortranarray(FOUND.vectors), FOUND.vectors.astype(">f4")])
def test_base64_is_little_endian_float32(vectors: Any) -> None:
    document = write_embeddings(read_embedding(body(encoding_format="base64")), Embeddings(vectors, 9))
    for entry, vector in zip(document["data"], FOUND.vectors.tolist(), strict=True):
        assert struct.unpack("<3f", base64.b64decode(entry["embedding"], validate=True)) == tuple(vector)


def test_only_the_models_own_width_can_be_had() -> None:
    assert len(write_embeddings(read_embedding(body(dimensions=3)), FOUND)["data"]) == 2
    with pytest.raises(InvalidInput, match="expected 3, as the model gives"):
        write_embeddings(read_embedding(body(dimensions=2)), FOUND)


def test_the_official_client(double: Double) -> None:
    client = double.client()
    for encoding in (openai.omit, "float", "base64"):
        answer = client.embeddings.create(model="words", input=["ab", "abc"], encoding_format=encoding)
        assert answer.usage.total_tokens == 5
        if encoding == "base64":
            continue
        found = np.array([entry.embedding for entry in answer.data], np.float32)
        assert np.array_equal(found, np.array([[2, 0.1, -2.5], [3, 0.1, -2.5]], np.float32))
    with pytest.raises(openai.BadRequestError, match="dimensions") as refused:
        client.embeddings.create(model="words", input="ab", dimensions=2)
    assert refused.value.param == "dimensions"
