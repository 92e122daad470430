"""Lines that wait on the disk until somebody has taken them elsewhere, and outlive the process that wrote them."""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from outcrop.domain.errors import StorageFailure


class Spool:
    """Files of lines in a folder; safe to use from many threads, and by many processes at once.

    A process adds to one file, which it holds by a lock of the system's; the lock ends with the process, however that
    ends. A file that nobody holds is added to no more.
    """

    def __init__(self, folder: Path, tick: Callable[[], float] = time.monotonic) -> None:
        """Use a folder, which is made when there is a line.

        Args:
            folder: Where the files lie.
            tick: Seconds that never go back, by which a file grows old.
        """
        self.folder = folder
        self._tick = tick
        self._lock = threading.Lock()
        self._held: int | None = None
        self._began = 0.0
        self._size = 0

    def add(self, line: bytes) -> None:
        """Hand a line, which ends in a line feed, to the system: it is there though this process should be killed.

        Raises:
            StorageFailure: It can't be written; nothing of it is there.
        """
        with self._lock:
            try:
                if self._held is None:
                    self._held = self._begin()
                self._write(self._held, line)
            except OSError as error:
                raise StorageFailure(f"{self.folder}: can't be written ({error.strerror})") from error

    def let_go(self, seconds: float, size: int) -> None:
        """Add no more to this process's file if it is that old or has that many bytes; the next line begins another."""
        with self._lock:
            if self._held is not None and (self._tick() - self._began >= seconds or self._size >= size):
                os.close(self._held)
                self._held = None

    def waiting(self) -> Iterator[Path]:
        """The files that no process adds to, the oldest first; while one is looked at, no other process gets it."""
        for path in sorted(self.folder.glob("*.jsonl")):
            try:
                handle = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever held it until now may have seen to it.
                if os.fstat(handle).st_nlink:
                    yield path
            except BlockingIOError:
                continue
            finally:
                os.close(handle)

    def _begin(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._began, self._size = self._tick(), 0
        while True:
            moment = datetime.now(UTC)
            name = f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03d}Z_{secrets.token_hex(8)}.jsonl"
            handle = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            # Another process may have found it before it was held, and have taken it for one that was left.
            if os.fstat(handle).st_nlink:
                return handle
            os.close(handle)

    def _write(self, handle: int, line: bytes) -> None:
        left = memoryview(line)
        try:
            while left:
                left = left[os.write(handle, left) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, self._size)
            raise
        self._size += len(line)
