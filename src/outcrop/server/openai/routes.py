"""OpenAI's paths, in one table: what answers at once, and what is answered by a model that writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.server.bedrock.context import Context
from outcrop.server.bedrock.reading import read_document
from outcrop.server.bedrock.targets import find_target
from outcrop.server.model_requests import awaited
from outcrop.server.openai.chat import read_chat
from outcrop.server.openai.completions import read_completion
from outcrop.server.openai.embeddings import Embeddings, read_embedding, write_embeddings
from outcrop.server.openai.models import list_models, retrieve_model
from outcrop.server.openai.text_request import TextRequest

#: What the paths begin with: at OpenAI, and at Bedrock, which has them too.
PREFIXES = ("/v1/", "/openai/v1/")


@dataclass(frozen=True)
class Call:
    """A request that is answered with a document.

    Attributes:
        context: The home, and ARNs in the caller's region.
        labels: What the path names.
        body: As it came.
    """

    context: Context
    labels: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class DocumentRoute:
    """A path that answers with a document.

    Attributes:
        name: Of the operation, as OpenAI's own description has it.
        method: ``GET`` or ``POST``.
        address: The whole path, ``{label}`` for what a request fills in.
        answer: What answers it, in a thread of its own.
        asks: Whether it waits for a model.
    """

    name: str
    method: str
    address: str
    answer: Callable[[Call], dict[str, Any]]
    asks: bool = False

    @property
    def path(self) -> tuple[str, ...]:
        """The path's parts."""
        return tuple(self.address.strip("/").split("/"))


@dataclass(frozen=True)
class TextRoute:
    """A path whose answer a model writes, whole or in events.

    Attributes:
        name: Of the operation, as OpenAI's own description has it.
        method: ``POST``.
        address: The whole path.
        read: What a body asks; raises ``InvalidInput``.
    """

    name: str
    method: str
    address: str
    read: Callable[[Mapping[str, Any]], TextRequest]

    @property
    def path(self) -> tuple[str, ...]:
        """The path's parts."""
        return tuple(self.address.strip("/").split("/"))


Route = DocumentRoute | TextRoute


def _list(call: Call) -> dict[str, Any]:
    return list_models(call.context)


def _retrieve(call: Call) -> dict[str, Any]:
    return retrieve_model(call.context, call.labels["model"])


def _embed(call: Call) -> dict[str, Any]:
    request = read_embedding(read_document(call.body))
    target = find_target(call.context, request.model)
    vectors, tokens = awaited(call.context.serving.embed(target.model, request.texts))
    return write_embeddings(request, Embeddings(vectors, tokens))


def _under(prefix: str) -> tuple[Route, ...]:
    return (
        TextRoute("CreateChatCompletion", "POST", f"{prefix}chat/completions", read_chat),
        TextRoute("CreateCompletion", "POST", f"{prefix}completions", read_completion),
        DocumentRoute("CreateEmbedding", "POST", f"{prefix}embeddings", _embed, asks=True),
        DocumentRoute("ListModels", "GET", f"{prefix}models", _list),
        DocumentRoute("RetrieveModel", "GET", f"{prefix}models/{{model}}", _retrieve),
    )


ROUTES: tuple[Route, ...] = tuple(route for prefix in PREFIXES for route in _under(prefix))
