"""Keys as the catalog has them, remembered for a few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from outcrop.app.keys import Keys
from outcrop.domain.errors import NotFound
from outcrop.domain.keys import Key, KeyKind

#: Seconds for which an answer of the catalog is good: so long a key that was just revoked may still be let in.
REMEMBERED = 4.0

#: How many ids are remembered, those that nobody has among them.
_MOST = 4096


@dataclass(frozen=True)
class KnownKey:
    """A key that is not revoked, with its secret in clear, or the SHA-256 of its word."""

    key: Key
    secret: str = field(repr=False)


class KnownKeys:
    """Looks keys up; safe to use from many threads."""

    def __init__(self, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, KnownKey | None]] = {}

    def find(self, key_id: str) -> KnownKey | None:
        """The key with that id; None where nobody has it, or where it is revoked. It may have expired.

        Raises:
            MissingExtra: It is an access key, and the library for encryption is not installed.
            StorageFailure: The catalog or the key file can't be read.
        """
        now = self._clock()
        read_at, known = self._seen.get(key_id, (float("-inf"), None))
        if now - read_at < REMEMBERED:
            return known
        known = self._look_up(key_id)
        with self._lock:
            # Oldest first: what is read again goes to the end.
            self._seen.pop(key_id, None)
            if len(self._seen) >= _MOST:
                del self._seen[next(iter(self._seen))]
            self._seen[key_id] = now, known
        return known

    def _look_up(self, key_id: str) -> KnownKey | None:
        try:
            key = self._keys.show(key_id)
        except NotFound:
            return None
        if key.revoked is not None:
            return None
        return KnownKey(key, self._keys.secret(key) if key.kind is KeyKind.ACCESS else key.sealed)
