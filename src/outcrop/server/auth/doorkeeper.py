"""Who makes a request: the one place where it is decided whether to let it in."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from outcrop.app.keys import BEARER_PREFIX, Keys, bearer_digest
from outcrop.domain.keys import Key, KeyKind
from outcrop.server.auth.known_keys import KnownKeys
from outcrop.server.auth.refused import (
    UNKNOWN_BEARER,
    Refused,
    denied,
    expired,
    incomplete,
    missing,
    unrecognized,
)
from outcrop.server.auth.request import Request
from outcrop.server.auth.signature import REGION, check_repeated, check_scope, check_signature, read_signature

#: Where a request names no region: Amazon's own default.
DEFAULT_REGION = "us-east-1"

_ACCESS_ID = re.compile(r"AKIA[A-Z2-7]{16}")
_BEARER = re.compile(rf"{BEARER_PREFIX}[A-Za-z0-9_-]{{43}}")

#: Held against a word that nobody has, so that it takes as long as one that somebody has.
_NOBODY = "0" * 64


@dataclass(frozen=True)
class Caller:
    """Who makes a request, and which region it is meant for.

    Attributes:
        key_id: The id of the key; "" where no key is asked for.
        region: The region that the signature names, or the server's own.
    """

    key_id: str
    region: str


class Door(Protocol):
    """Lets requests in."""

    def admit(self, request: Request) -> Caller:
        """Who makes a request.

        Raises:
            Refused: It shows no key, or not one that holds.
        """
        ...


class Doorkeeper:
    """Lets in what is signed with an access key, or carries a bearer key; safe to use from many threads."""

    def __init__(
        self,
        keys: Keys,
        *,
        services: Collection[str] = ("bedrock",),
        region: str = DEFAULT_REGION,
        clock: Callable[[], float] = time.time,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        """See to a catalog's keys.

        Args:
            keys: The keys there are.
            services: Names of the services that a signature may be meant for.
            region: Of requests with a bearer key, which name none.
            clock: Seconds since the epoch, which signatures and expiry are held against.
            tick: Seconds that never go back, by which the catalog's answers grow old.
        """
        self._known = KnownKeys(keys, tick)
        self._services = frozenset(services)
        self._region = region
        self._clock = clock

    def admit(self, request: Request) -> Caller:
        """See ``Door.admit``.

        Raises:
            Refused: As in ``Door``.
            MissingExtra: It was signed with an access key, and the library for encryption is not installed.
            StorageFailure: The catalog or the key file can't be read.
        """
        check_repeated(request)
        if "X-Amz-Signature=" in request.query or "X-Amz-Credential=" in request.query:
            raise incomplete("Signatures in the query string are not supported; sign with the Authorization header.")
        scheme, _, rest = request.by_name.get("authorization", [""])[0].partition(" ")
        if scheme.lower() == "bearer":
            return self._admit_bearer(rest.strip())
        if not scheme.startswith("AWS4-"):
            raise missing()
        return self._admit_signed(request)

    def _admit_signed(self, request: Request) -> Caller:
        signature = read_signature(request)
        now = self._clock()
        check_scope(signature, self._services, now)
        known = self._known.find(signature.key_id) if _ACCESS_ID.fullmatch(signature.key_id) else None
        if known is None or known.key.kind is not KeyKind.ACCESS:
            raise unrecognized()
        check_signature(request, signature, known.secret)
        if _is_over(known.key, now):
            raise expired()
        return Caller(known.key.id, signature.region)

    def _admit_bearer(self, word: str) -> Caller:
        if not _BEARER.fullmatch(word):
            raise denied(UNKNOWN_BEARER)
        key_id, digest = bearer_digest(word)
        known = self._known.find(key_id)
        if not hmac.compare_digest(digest, _NOBODY if known is None else known.secret) or known is None:
            raise denied(UNKNOWN_BEARER)
        if _is_over(known.key, self._clock()):
            raise denied("Bearer Token has expired")
        return Caller(key_id, self._region)


class OpenDoor:
    """Lets everybody in, for a server on the loopback without keys; the region is the one that the signature names."""

    def __init__(self, region: str = DEFAULT_REGION) -> None:
        self._region = region

    def admit(self, request: Request) -> Caller:
        """See ``Door.admit``; refuses nobody."""
        try:
            region = read_signature(request).region
        except Refused:
            region = self._region
        return Caller("", region if REGION.fullmatch(region) else self._region)


def _is_over(key: Key, now: float) -> bool:
    return key.expires is not None and now >= key.expires


_: tuple[type[Door], ...] = (Doorkeeper, OpenDoor)
