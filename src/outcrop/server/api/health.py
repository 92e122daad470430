"""Whether the server answers."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from outcrop.server.api.answers import document
from outcrop.server.api.route import Call


@dataclass(frozen=True)
class Health:
    """That the server answers, and nothing else: whoever asks need not be known."""

    status: str = "ok"


def get_health(_: Call) -> Response:
    """That all is well."""
    return document(Health())
