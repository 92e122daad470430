"""Responses as they are stored."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.generation import Response, Spending


@dataclass(frozen=True)
class StoredResponses:
    """Responses of a model, the seconds that they took, and what a remote model cost meanwhile."""

    responses: tuple[Response, ...] = ()
    seconds: float = 0.0
    spending: Spending = field(default_factory=Spending)

    def __add__(self, other: StoredResponses) -> StoredResponses:
        return StoredResponses(
            self.responses + other.responses, self.seconds + other.seconds, self.spending + other.spending
        )

    @property
    def tokens(self) -> int:
        """Tokens that were generated."""
        return sum(len(response.tokens) for response in self.responses)

    def encode(self) -> bytes:
        """The bytes of a file."""
        return json.dumps(
            {
                "seconds": self.seconds,
                "spending": to_json(self.spending),
                "responses": [to_json(response) for response in self.responses],
            }
        ).encode()


def decode(data: bytes, where: str) -> StoredResponses:
    """What a file's bytes hold; ``where`` names the file.

    Raises:
        InvalidInput: They hold something else.
    """
    plain = json.loads(data)
    # What was stored before there were remote models has cost nothing.
    spending = from_json(Spending, plain.get("spending", {}), where)
    return StoredResponses(
        tuple(from_json(Response, entry, where) for entry in plain["responses"]), plain["seconds"], spending
    )
