"""How a request is refused that does not show who makes it."""

from __future__ import annotations

from outcrop.server.errors import WireError

#: Amazon's words for an access key that it does not know.
UNKNOWN_KEY = "The security token included in the request is invalid."
#: Amazon's words for a bearer key that it does not know.
UNKNOWN_BEARER = "Authentication failed: Please make sure your API Key is valid."
#: Amazon's words for a signature that it did not get itself.
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


class Refused(WireError):
    """A request is not let in, for reasons that only the door has; its message never has a secret in it."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(code, message, status)


def missing() -> Refused:
    """The request shows no key."""
    return Refused("MissingAuthenticationTokenException", 403, "Missing Authentication Token")


def incomplete(message: str) -> Refused:
    """The signature can't be read."""
    return Refused("IncompleteSignatureException", 400, message)


def invalid(message: str) -> Refused:
    """The signature is not the request's."""
    return Refused("InvalidSignatureException", 403, message)


def unrecognized() -> Refused:
    """Nobody has that access key, or it is revoked."""
    return Refused("UnrecognizedClientException", 403, UNKNOWN_KEY)


def expired() -> Refused:
    """The access key has expired."""
    return Refused("ExpiredTokenException", 403, "The security token included in the request is expired")


def denied(message: str) -> Refused:
    """The bearer key is not let in."""
    return Refused("AccessDeniedException", 403, message)
