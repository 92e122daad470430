"""What is kept of a request: its own words, so that Get operations can say them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.server.errors import WireError


def kept(given: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The members that a Get operation repeats, as plain JSON, and what else is to be known later."""
    dropped = {"clientRequestToken", "jobTags", "customModelTags", "importedModelTags", "modelTags", "tags"}
    return {**{name: value for name, value in given.items() if name not in dropped}, **more}


def tags_of(given: Mapping[str, Any], member: str) -> dict[str, str]:
    """The tags in a member of a request, by key.

    Raises:
        WireError: ValidationException: a key is there twice.
    """
    pairs = [(tag["key"], tag["value"]) for tag in given.get(member, ())]
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = sorted({key for key, _ in pairs if [other for other, _ in pairs].count(key) > 1})
        raise WireError("ValidationException", f"{member} has the keys {', '.join(twice)} more than once")
    return found
