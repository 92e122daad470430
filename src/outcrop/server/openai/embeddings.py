"""``POST /v1/embeddings``: texts, and their vectors as numbers or in base64."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import described
from outcrop.server.openai.fields import Fields

#: OpenAI's own limit.
MOST_TEXTS = 2048

_MOST_DIMENSIONS = 2**31 - 1


@dataclass(frozen=True)
class EmbeddingRequest:
    """A request for vectors, read.

    Attributes:
        model: How it names what is to answer.
        texts: One or more, none of them empty.
        base64: Whether each vector is asked for as the bytes of little-endian float32 numbers in base64.
        dimensions: How many numbers a vector is to have; None for as many as the model gives.
    """

    model: str
    texts: tuple[str, ...]
    base64: bool
    dimensions: int | None


@dataclass(frozen=True)
class Embeddings:
    """What a model gave: ``vectors``, of shape ``(texts, width)``, and how many tokens the texts were."""

    vectors: NDArray[np.float32]
    tokens: int


Embed = Callable[[str, Sequence[str]], Embeddings]
"""Gives a model's vectors: of the model as a request names it, and the texts. It raises our errors, or the wire's."""


def read_embedding(body: Mapping[str, Any]) -> EmbeddingRequest:
    """What a body asks.

    Raises:
        InvalidInput: Members are missing, unknown, of a wrong type or out of range, or ask for what is not supported:
            all faults.
    """
    fields = Fields(body)
    model = fields.name("model")
    texts = _texts(fields)
    encoding = fields.take("encoding_format")
    if encoding not in (None, "float", "base64"):
        fields.fault("encoding_format", described(encoding), '"float" or "base64"')
    dimensions = fields.whole("dimensions", 1, _MOST_DIMENSIONS)
    fields.passed_over("user")
    fields.finish()
    return EmbeddingRequest(model, texts, encoding == "base64", dimensions)


def write_embeddings(request: EmbeddingRequest, found: Embeddings) -> dict[str, Any]:
    """The answer.

    Raises:
        InvalidInput: Vectors of another width are asked for.
    """
    width = found.vectors.shape[1]
    if request.dimensions not in (None, width):
        wanted = f"{width}, as the model gives, or the member left out: shorter vectors are not supported"
        raise InvalidInput([Fault("request", None, "dimensions", str(request.dimensions), wanted)])
    data = [
        {"object": "embedding", "index": place, "embedding": _written(vector, request.base64)}
        for place, vector in enumerate(found.vectors)
    ]
    usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return {"object": "list", "data": data, "model": request.model, "usage": usage}


def _written(vector: NDArray[np.float32], as_base64: bool) -> str | list[float]:
    if as_base64:
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    numbers: list[float] = vector.tolist()
    return numbers


def _texts(fields: Fields) -> tuple[str, ...]:
    value = fields.take("input")
    texts = value if isinstance(value, list) else [value]
    wanted = f"a text that is not empty, or a list of 1 to {MOST_TEXTS}: tokens are not supported"
    if not 0 < len(texts) <= MOST_TEXTS:
        fields.fault("input", described(value), wanted)
        return ()
    names = (f"input[{place}]" if texts is value else "input" for place in range(len(texts)))
    return tuple(fields.is_text(name, text, wanted, least=1) for name, text in zip(names, texts, strict=True))
