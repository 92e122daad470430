"""What a store promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Entry:
    """A file in a store; ``size`` in bytes."""

    key: str
    size: int


class Store(Protocol):
    """Files under keys such as ``jobs/ID/report.json``: letters, digits, ``-_.`` and slashes, no ``..``.

    Promises: a file is there whole or not at all; so is a folder, whose manifest is written last; what is read is what
    was written (sizes and, for folders, SHA-256 are checked), else ``StorageFailure``.
    """

    def write(self, key: str, data: bytes) -> None:
        """Write a file, replacing one that is there.

        Raises:
            StorageFailure: It could not be written; the old file is untouched.
        """
        ...

    def read(self, key: str) -> bytes:
        """The bytes of a file.

        Raises:
            NotFound: There is none.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether a file or a whole folder is there."""
        ...

    def put_folder(self, folder: Path, key: str, *, move: bool = False) -> None:
        """Keep a folder's files under a key; ``move`` allows taking them from where they lie.

        Raises:
            AlreadyExists: There is a whole folder under the key already.
            StorageFailure: It could not be written; nothing is left under the key.
        """
        ...

    def get_folder(self, key: str, *, verify: bool = False) -> Path:
        """A local folder with the files; callers only read it. ``verify`` reads every byte against its hash.

        Raises:
            NotFound: There is no whole folder under the key.
            StorageFailure: A file is missing, cut off or (with ``verify``) altered; the message names it.
        """
        ...

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """All files whose key starts with the prefix, in the order of keys."""
        ...

    def delete(self, prefix: str) -> int:
        """Delete the file or folder at the key; how many bytes that freed. Nothing there is no error."""
        ...

    def sweep(self) -> None:
        """Delete what writes that never ended have left, a day after they began."""
        ...

    def free(self) -> int | None:
        """How many bytes can still be written; None where the store knows no end.

        Raises:
            StorageFailure: It can't be found out.
        """
        ...

    def address(self, key: str) -> str:
        """Where a person finds the file: a path or a URI."""
        ...
