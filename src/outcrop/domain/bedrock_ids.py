"""Bedrock's ids of foundation models: ``PROVIDER.MODEL-vN[:VERSION][:CONTEXT]``, perhaps with a region in front."""

from __future__ import annotations

import re

#: What cross-region inference profiles put before a model's id.
_REGIONS = ("us", "us-gov", "eu", "apac", "ap", "au", "ca", "jp", "sa", "me", "af", "il", "mx", "global")

_ID = re.compile(
    rf"(?:(?:{'|'.join(_REGIONS)})\.)?(?P<plain>[a-z0-9-]{{1,63}}(?:\.[a-z0-9-]{{1,63}}){{1,3}})"
    r"(?::[a-z0-9-]{1,63}){0,2}"
)


def is_bedrock_id(text: str) -> bool:
    """Whether a text has the shape of Bedrock's ids."""
    return _ID.fullmatch(text) is not None


def plain_id(text: str) -> str | None:
    """An id without region, version and context; None for a text that has not the shape of an id.

    ``us.meta.llama3-1-8b-instruct-v1:0:128k`` becomes ``meta.llama3-1-8b-instruct-v1``.
    """
    found = _ID.fullmatch(text)
    return None if found is None else found["plain"]
