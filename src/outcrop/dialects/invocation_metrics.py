"""What Bedrock adds to the last chunk of every stream of a model's own words."""

from __future__ import annotations

from typing import Any

from outcrop.dialects.protocol import Timing
from outcrop.domain.generation import Response


def invocation_metrics(response: Response, timing: Timing) -> dict[str, Any]:
    """Tokens and milliseconds, under the name that AWS's clients look for."""
    counted = {
        "inputTokenCount": response.prompt_tokens,
        "outputTokenCount": len(response.tokens),
        "invocationLatency": milliseconds(timing.whole),
        "firstByteLatency": milliseconds(timing.first),
    }
    return {"amazon-bedrock-invocationMetrics": counted}


def milliseconds(seconds: float) -> int:
    """Whole milliseconds."""
    return round(seconds * 1000)
