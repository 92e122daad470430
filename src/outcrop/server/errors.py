"""Errors as Bedrock's clients read them."""

from __future__ import annotations

import logging
from typing import Any

from outcrop.domain.errors import OutcropError, TooManyTags

_log = logging.getLogger(__name__)

#: The HTTP status of each code; in Bedrock a conflict is 400.
STATUSES = {
    "AccessDeniedException": 403,
    "ConflictException": 400,
    "InternalServerException": 500,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelStreamErrorException": 424,
    "ModelTimeoutException": 408,
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

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def told(error: Exception, name: str) -> WireError:
    """What a client is told of any error. What is no mistake of the client's is logged too.

    Args:
        error: A ``WireError`` as it is; one of ours by its code; whatever else there is without a word of its own.
        name: What was asked, for the log.
    """
    if isinstance(error, WireError):
        return error
    if not isinstance(error, OutcropError):
        _log.error("%s failed", name, exc_info=error)
        return WireError("InternalServerException", "an error of the server; its log says more")
    if error.exit_code == 1:
        _log.error("%s: %s", name, error)
    return _coded(error)


def _coded(error: OutcropError) -> WireError:
    """An error of ours by the code that stands beside it in ``domain.errors``."""
    message = str(error)
    shown = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} …"
    if isinstance(error, TooManyTags):
        return WireError(error.code, shown, resourceName=error.resource)
    return WireError(error.code, shown)
