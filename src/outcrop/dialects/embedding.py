"""Bodies of models that give texts vectors: Amazon's Titan, one text, and Cohere's, many."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.dialects.members import Members
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import described

Vectors = Sequence[Sequence[float]]

#: Cohere's own limit.
_MOST_TEXTS = 96

_INPUT_TYPES = ("search_document", "search_query", "classification", "clustering")
_FLOATS = 'a list with "float" alone: vectors are of numbers'


@dataclass(frozen=True)
class EmbeddingRequest:
    """Texts that are to get vectors.

    Attributes:
        texts: One or more.
        dimensions: How many numbers a vector is to have; None for as many as the model gives.
        write: Words the answer: vectors, one for each text, and how many tokens were read for them.
    """

    texts: tuple[str, ...]
    dimensions: int | None
    write: Callable[[Vectors, int], dict[str, Any]]

    def require_width(self, width: int) -> None:
        """Make sure that vectors have as many numbers as were asked for.

        Raises:
            InvalidInput: They have not; they can't be shortened without being other vectors.
        """
        if self.dimensions not in (None, width):
            want = f"{width}, as many as the model gives, or the member left out"
            raise InvalidInput([Fault("body", None, "dimensions", str(self.dimensions), want)])


def read_embedding(model_id: str, body: object) -> EmbeddingRequest:
    """What a body for InvokeModel asks a model that gives vectors.

    Args:
        model_id: The id that was asked for, without region and ARN: its provider decides whose words these are. "" or
            another leaves it to the body's members.
        body: What the request holds, as JSON.

    Raises:
        InvalidInput: It is no body of Titan's or Cohere's embedding models, or asks for what can't be: all faults.
    """
    if not isinstance(body, Mapping):
        raise InvalidInput([Fault("body", None, "", described(body), "a JSON object")])
    if model_id.startswith("cohere.") or "texts" in body:
        return _cohere(Members(body))
    return _titan(Members(body))


def _titan(members: Members) -> EmbeddingRequest:
    text = members.text("inputText")
    dimensions = members.whole("dimensions", usual=0)
    if members.given("normalize") not in (None, True):
        members.fault("normalize", "true: every vector has the length 1")
    _floats_alone(members, "embeddingTypes")
    members.done()

    def write(vectors: Vectors, tokens: int) -> dict[str, Any]:
        (vector,) = vectors
        return {"embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": tokens}

    return EmbeddingRequest((text,), dimensions or None, write)


def _cohere(members: Members) -> EmbeddingRequest:
    texts = members.given("texts")
    sound = isinstance(texts, list) and 1 <= len(texts) <= _MOST_TEXTS and all(map(_is_text, texts))
    if not sound:
        members.fault("texts", f"a list of 1 to {_MOST_TEXTS} texts that are not blank")
    members.word("input_type", _INPUT_TYPES)
    members.word("truncate", ("NONE", "START", "END", "LEFT", "RIGHT"))
    by_type = _floats_alone(members, "embedding_types")
    members.done()
    kept = tuple(texts) if sound else ()

    def write(vectors: Vectors, tokens: int) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "response_type": "embeddings_by_type" if by_type else "embeddings_floats",
            "embeddings": {"float": vectors} if by_type else vectors,
            "texts": list(kept),
        }

    return EmbeddingRequest(kept, None, write)


def _floats_alone(members: Members, name: str) -> bool:
    """Whether kinds of numbers are named, of which there is one."""
    kinds = members.given(name)
    if kinds not in (None, ["float"]):
        members.fault(name, _FLOATS)
    return kinds is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and _is_unicode(value)


def _is_unicode(text: str) -> bool:
    """Whether a text can be written in UTF-8, which JSON does not promise."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
