"""What every operation works with: the home, and how the caller names things."""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.app import Outcrop
from outcrop.server.bedrock.arns import Names


@dataclass(frozen=True)
class Context:
    """The home folder, and ARNs in the region that the request was signed for."""

    outcrop: Outcrop
    names: Names
