"""``inferenceParams``: how a model is to write, in the words of Converse or of a model family's own requests."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.generation import GenerationParameters

#: Under which names our parameters go at Bedrock, without underscores and whatever the case.
_NAMES = {
    "maxtokens": "max_tokens",
    "maxnewtokens": "max_tokens",
    "maxtokencount": "max_tokens",
    "maxgenlen": "max_tokens",
    "maxtokenstosample": "max_tokens",
    "maxcompletiontokens": "max_tokens",
    "temperature": "temperature",
    "topp": "top_p",
    "p": "top_p",
    "topk": "top_k",
    "k": "top_k",
    "stopsequences": "stop",
    "stop": "stop",
}

#: Objects that hold parameters: of Converse and Nova, of Titan, and what Converse passes on.
_HOLDERS = ("inferenceConfig", "textGenerationConfig", "additionalModelRequestFields")

#: What requests of some families have to say, and what says nothing of how to write.
_SILENT = ("anthropic_version", "schemaVersion")

_WHERE = "inferenceParams"
_KNOWN = (
    "maxTokens (or max_tokens, max_new_tokens, maxTokenCount, max_gen_len), temperature, topP (or top_p), "
    "topK (or top_k), stopSequences (or stop_sequences)"
)


def generation(text: str) -> dict[str, Any]:
    """Our generation parameters by name, of those that a text of JSON names; numbers may be written as texts.

    Raises:
        InvalidInput: It is no JSON object, or a parameter is unknown, there twice or out of range: all faults, under
            the names that the text uses.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise InvalidInput([Fault(_WHERE, None, "", repr(text)[:80], 'a JSON object: {"inferenceConfig": {…}}')])
    found: dict[str, tuple[str, Any]] = {}
    faults = []
    for key, value in _pairs(given):
        name = _NAMES.get(key.replace("_", "").lower())
        if name is None:
            faults.append(Fault(_WHERE, None, key[:80], repr(value)[:80], f"one of {_KNOWN}"))
        elif name in found:
            faults.append(Fault(_WHERE, None, key, f"{found[name][0]} beside it", "one name of a parameter"))
        else:
            found[name] = key, _value(name, value)
    values = {name: value for name, (_, value) in found.items()}
    faults += [
        Fault(_WHERE, None, found[fault.field][0], fault.found, fault.expected)
        for fault in GenerationParameters(**values).faults()
    ]
    if faults:
        raise InvalidInput(faults)
    return values


def written(parameters: GenerationParameters) -> str:
    """Generation parameters in the words of Converse."""
    named = {
        "maxTokens": parameters.max_tokens,
        "temperature": parameters.temperature,
        "topP": parameters.top_p,
        **({"stopSequences": list(parameters.stop)} if parameters.stop else {}),
    }
    return json.dumps({"inferenceConfig": named}, ensure_ascii=False)


def _pairs(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in given.items():
        if key in _HOLDERS and isinstance(value, dict):
            yield from value.items()
        elif key not in _SILENT:
            yield key, value


def _value(name: str, value: Any) -> Any:
    """A value as our parameters have it; what is none stays as it is, and is found out of range."""
    if name == "stop":
        return (value,) if isinstance(value, str) and value else tuple(value) if isinstance(value, list) else value
    number = _number(value)
    if number is None:
        return value
    return int(number) if name in ("max_tokens", "top_k") and number.is_integer() else number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
