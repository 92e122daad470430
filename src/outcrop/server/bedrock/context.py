"""What every operation works with: the home, and how the caller names things."""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.app import Outcrop
from outcrop.server.bedrock.arns import Names
from outcrop.serving.serving import Serving


@dataclass(frozen=True)
class Context:
    """The home folder, the models that answer, and ARNs in the region that the request was signed for."""

    outcrop: Outcrop
    serving: Serving
    names: Names

    @classmethod
    def of(cls, outcrop: Outcrop, serving: Serving, region: str) -> Context:
        """What a request for a region works with."""
        return cls(outcrop, serving, Names(region, outcrop.services.settings.account))
