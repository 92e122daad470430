"""Errors as Bedrock's clients read them."""

from __future__ import annotations

from typing import Any

from outcrop.domain.errors import OutcropError, TooManyTags

#: The HTTP status of each code; in Bedrock a conflict is 400.
STATUSES = {
    "AccessDeniedException": 403,
    "ConflictException": 400,
    "InternalServerException": 500,
    "RequestEntityTooLargeException": 413,
    "RequestTimeoutException": 408,
    "ResourceInUseException": 400,
    "ResourceNotFoundException": 404,
    "SerializationException": 400,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "TooManyTagsException": 400,
    "UnknownOperationException": 404,
    "ValidationException": 400,
}

#: Messages that a client shows on a screen: the rest of a long list of faults is cut.
_LONGEST = 8000


class WireError(Exception):
    """An error by its code; ``fields`` are what its body has besides the message."""

    def __init__(self, code: str, message: str, status: int | None = None, **fields: Any) -> None:
        self.code = code
        self.message = message
        self.status = STATUSES[code] if status is None else status
        self.fields = fields
        super().__init__(message)


def wire_error(error: OutcropError) -> WireError:
    """An error of ours by the code that stands beside it in ``domain.errors``."""
    message = str(error)
    shown = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} …"
    if isinstance(error, TooManyTags):
        return WireError(error.code, shown, resourceName=error.resource)
    return WireError(error.code, shown)
