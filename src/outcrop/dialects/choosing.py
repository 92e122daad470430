"""Which dialect a body is in: by the model that is asked, else by what the body says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.dialects.anthropic import ANTHROPIC
from outcrop.dialects.anthropic_text import ANTHROPIC_TEXT
from outcrop.dialects.cohere import COHERE
from outcrop.dialects.llama import LLAMA
from outcrop.dialects.mistral import MISTRAL
from outcrop.dialects.mistral_chat import MISTRAL_CHAT
from outcrop.dialects.nova import NOVA
from outcrop.dialects.protocol import Dialect, Usual
from outcrop.dialects.titan import TITAN
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import described

#: How ids of a family begin: the dialect of its bodies, and of those that hold messages or a prompt instead.
_FAMILIES: tuple[tuple[str, Dialect, dict[str, Dialect]], ...] = (
    ("meta.", LLAMA, {}),
    ("anthropic.", ANTHROPIC, {"prompt": ANTHROPIC_TEXT}),
    ("amazon.nova", NOVA, {}),
    ("amazon.titan", TITAN, {}),
    ("mistral.", MISTRAL, {"messages": MISTRAL_CHAT}),
    ("cohere.", COHERE, {}),
)

#: Members that one family alone has; the first that is there decides.
_SIGNS: tuple[tuple[str, Dialect], ...] = (
    ("inputText", TITAN),
    ("textGenerationConfig", TITAN),
    ("max_gen_len", LLAMA),
    ("max_tokens_to_sample", ANTHROPIC_TEXT),
    ("schemaVersion", NOVA),
    ("inferenceConfig", NOVA),
)

#: Members of a body with a prompt that say whose it is; the first that is there decides.
_SIGNS_BY_PROMPT: tuple[tuple[str, Dialect], ...] = (
    ("anthropic_version", ANTHROPIC_TEXT),
    ("p", COHERE),
    ("k", COHERE),
    ("stop_sequences", COHERE),
    ("return_likelihoods", COHERE),
    ("num_generations", COHERE),
    ("truncate", COHERE),
    ("max_tokens", MISTRAL),
    ("top_k", MISTRAL),
    ("stop", MISTRAL),
)

_WANTED = (
    'a body of a family of models: Llama\'s {"prompt": "…", "max_gen_len": …}, '
    'Anthropic\'s {"anthropic_version": "bedrock-2023-05-31", "max_tokens": …, "messages": […]}, '
    'Nova\'s {"messages": [{"role": "user", "content": [{"text": "…"}]}], "inferenceConfig": {…}}, '
    'Titan\'s {"inputText": "…", "textGenerationConfig": {…}}, Mistral\'s {"prompt": "…", "max_tokens": …} '
    'or Cohere\'s {"prompt": "…", "max_tokens": …, "p": …}'
)

#: For models of families whose words are not known here.
_OTHER = Usual(max_tokens=512)


def dialect_of(model_id: str, body: object) -> Dialect:
    """The dialect of a body for InvokeModel.

    Args:
        model_id: The id that was asked for, without region and ARN (``meta.llama3-1-8b-instruct-v1:0``): its provider
            decides. "" or a name of no known provider leaves it to the body's members.
        body: What the request holds, as JSON.

    Raises:
        InvalidInput: The body is no JSON object; or the id has no known provider, and the body fits no family.
    """
    if not isinstance(body, Mapping):
        raise InvalidInput([Fault("body", None, "", described(body), "a JSON object")])
    for begin, dialect, others in _FAMILIES:
        if model_id.startswith(begin):
            return next((other for name, other in others.items() if name in body), dialect)
    found = _by_members(body)
    if found is None:
        raise InvalidInput([Fault("body", None, "", described(dict(body)), _WANTED)])
    return found


def usual_of(model_id: str) -> Usual:
    """What a Converse request gets that doesn't say, for a model with this id: what its family's own bodies get."""
    return next((dialect.usual for begin, dialect, _ in _FAMILIES if model_id.startswith(begin)), _OTHER)


def _by_members(body: Mapping[str, Any]) -> Dialect | None:
    sign = next((dialect for name, dialect in _SIGNS if name in body), None)
    if sign is not None:
        return sign
    if "messages" in body:
        return _by_messages(body)
    if "prompt" in body:
        return next((dialect for name, dialect in _SIGNS_BY_PROMPT if name in body), LLAMA)
    return None


def _by_messages(body: Mapping[str, Any]) -> Dialect:
    """Nova's blocks have no type; Anthropic's have one; Mistral's messages are texts, the system's among them."""
    if "anthropic_version" in body:
        return ANTHROPIC
    block = _first(_first(body["messages"], "content"))
    if isinstance(block, Mapping):
        return ANTHROPIC if "type" in block else NOVA
    system = body.get("system")
    if isinstance(system, list):
        return NOVA if isinstance(_first(system), Mapping) and "type" not in _first(system) else ANTHROPIC
    return ANTHROPIC if system is not None else MISTRAL_CHAT


def _first(value: Any, name: str | None = None) -> Any:
    """The first of a list, or that member of it; None where there is none."""
    first = value[0] if isinstance(value, list) and value else None
    if name is None:
        return first
    return first.get(name) if isinstance(first, Mapping) else None
