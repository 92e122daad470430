"""The objects of one answer: what stands around the choice, whole or in parts."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from outcrop.domain.generation import Response


@dataclass(frozen=True)
class Objects:
    """Makes the objects of one answer, which share an id and a time.

    Attributes:
        prefix: What the id begins with.
        whole_kind: The ``object`` of a whole answer.
        part_kind: The ``object`` of a part.
        model: How the request named what answers.
        include_usage: Whether the stream is to end with the usage.
        id: The answer's own.
        created: Seconds since the epoch.
    """

    prefix: str
    whole_kind: str
    part_kind: str
    model: str
    include_usage: bool
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, choice: dict[str, Any], response: Response) -> dict[str, Any]:
        """A whole answer."""
        return self._object(self.whole_kind, [choice]) | {"usage": usage(response)}

    def part(self, choice: dict[str, Any]) -> dict[str, Any]:
        """A part; where usage is asked for, each part before the last says that it has none."""
        return self._object(self.part_kind, [choice]) | ({"usage": None} if self.include_usage else {})

    def usage(self, response: Response) -> list[dict[str, Any]]:
        """The last part, which has no choice but the usage; none where it isn't asked for."""
        if not self.include_usage:
            return []
        return [self._object(self.part_kind, []) | {"usage": usage(response)}]

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": f"{self.prefix}-{self.id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def finish_reason(response: Response) -> str:
    """Why a response ended, as OpenAI says it: a stop text and the model's own end are one."""
    return "length" if response.stop_reason == "max_tokens" else "stop"


def usage(response: Response) -> dict[str, int]:
    """Tokens of prompt and response, the end-of-turn token included."""
    read, written = response.prompt_tokens, len(response.tokens)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
