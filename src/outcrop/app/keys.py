"""Keys of the server's clients: make, list, revoke."""

from __future__ import annotations

import base64
import hashlib
import secrets
import string
from collections.abc import Sequence

from outcrop.app.sealing import Seal
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.keys import Key, KeyKind, NewKey
from outcrop.services import Services

_LETTERS = string.ascii_letters + string.digits

#: 62 signs to the 40th: 238 bits, in the shape of Amazon's.
_SECRET_LENGTH = 40

#: By which scanners for leaked secrets and people know the word.
BEARER_PREFIX = "outcrop-"

_LONGEST_NAME = 255

#: A hundred years, in seconds.
_LONGEST_LIFETIME = 36525 * 86400.0


class Keys:
    """Keys of the server's clients."""

    def __init__(self, services: Services) -> None:
        self._catalog = services.catalog
        self._seal = Seal(services.settings.key_file)

    def create(self, name: str = "", *, bearer: bool = False, lifetime: float | None = None) -> NewKey:
        """Make a key. Its secret is in the answer and nowhere else: it can't be shown again.

        Args:
            name: What a person calls it; need not be unique.
            bearer: Make a bearer key, which is sent with every request, and not an access key, which signs them.
            lifetime: Seconds after which it expires; None for never.

        Raises:
            InvalidInput: The name is too long or has control characters, or the lifetime is not above 0, or
                above a hundred years.
            MissingExtra: An access key needs the library for encryption, which is not installed.
            StorageFailure: The key file can't be made or read, others can read it, or it is not the one that the
                access keys in the catalog were sealed with.
        """
        faults = [*_faults_of_name(name), *_faults_of_lifetime(lifetime)]
        if faults:
            raise InvalidInput(faults)
        now = self._catalog.now()
        expires = None if lifetime is None else now + lifetime
        new = _bearer_key(name, now, expires) if bearer else self._access_key(name, now, expires)
        self._catalog.add_key(new.key)
        return new

    def list(self) -> Sequence[Key]:
        """All keys, oldest first, those that hold no longer among them."""
        return self._catalog.keys()

    def show(self, key_id: str) -> Key:
        """The key with that id.

        Raises:
            NotFound: There is none.
        """
        return self._catalog.key(key_id)

    def revoke(self, key_id: str) -> Key:
        """Let a key hold no longer, for good. A running server refuses it within five seconds.

        Raises:
            NotFound: There is no key with that id.
        """
        return self._catalog.revoke_key(key_id)

    def secret(self, key: Key) -> str:
        """What an access key signs with.

        Raises:
            MissingExtra: The library for encryption is not installed.
            StorageFailure: The key file can't be read, or the secret was sealed with another one.
        """
        return self._seal.open(key.sealed, key.id)

    def _access_key(self, name: str, now: float, expires: float | None) -> NewKey:
        held = [key for key in self.list() if key.kind is KeyKind.ACCESS and key.state(now) == "holds"]
        if held:
            # On another machine than the keys were made on, a new key file would make keys that only work there.
            self.secret(held[-1])
        key_id = "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()
        secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))
        return NewKey(Key(key_id, KeyKind.ACCESS, name, self._seal.seal(secret, key_id), now, expires), secret)


def bearer_digest(word: str) -> tuple[str, str]:
    """A bearer key's id and the SHA-256 of its word, in hex; the id is made of the first 80 bits."""
    digest = hashlib.sha256(word.encode()).digest()
    return "BEAR" + base64.b32encode(digest[:10]).decode(), digest.hex()


def _bearer_key(name: str, now: float, expires: float | None) -> NewKey:
    word = BEARER_PREFIX + secrets.token_urlsafe(32)
    key_id, digest = bearer_digest(word)
    return NewKey(Key(key_id, KeyKind.BEARER, name, digest, now, expires), word)


def _faults_of_name(name: str) -> list[Fault]:
    if len(name) <= _LONGEST_NAME and name.isprintable():
        return []
    return [Fault("name", None, "", repr(name[:60]), f"at most {_LONGEST_NAME} characters, all printable")]


def _faults_of_lifetime(lifetime: float | None) -> list[Fault]:
    if lifetime is None or 0 < lifetime <= _LONGEST_LIFETIME:
        return []
    return [Fault("lifetime", None, "", f"{lifetime}", "seconds, above 0, at most a hundred years")]
