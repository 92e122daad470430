"""Keys: what a client of the server shows to be let in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class KeyKind(StrEnum):
    """How a key is shown."""

    #: An access key id and a secret, which signs requests and is never sent.
    ACCESS = "access"
    #: One word that is sent with every request.
    BEARER = "bearer"


@dataclass(frozen=True)
class Key:
    """A key as the catalog keeps it: never with the secret in clear.

    Attributes:
        id: Its name in logs, lists and signatures; unique in the catalog.
        kind: How it is shown.
        name: What a person calls it, or "".
        sealed: Of an access key, the secret encrypted; of a bearer key, the SHA-256 of the word, in hex.
        created: Seconds since the epoch, as are the next two.
        expires: From when on it is refused; None for never.
        revoked: When it was revoked; None while it holds.
    """

    id: str
    kind: KeyKind
    name: str
    sealed: str = field(repr=False)
    created: float
    expires: float | None = None
    revoked: float | None = None

    def state(self, at: float) -> str:
        """``holds``, ``expired`` or ``revoked``, at a time in seconds since the epoch."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and at >= self.expires else "holds"


@dataclass(frozen=True)
class NewKey:
    """A key that was just made, with what is shown once and kept nowhere.

    Attributes:
        key: The key.
        secret: Of an access key, what signs; of a bearer key, the word itself.
    """

    key: Key
    secret: str = field(repr=False)
