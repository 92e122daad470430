"""Addresses of files in an S3 service: ``s3://BUCKET/KEY``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from outcrop.domain.errors import Fault, InvalidInput

SCHEME = "s3://"

#: As AWS names buckets; no slash, and no two dots in a row, so that a bucket can be a folder too.
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")


@dataclass(frozen=True)
class Address:
    """A file, or with a key that others begin with, a folder."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"

    def below(self, name: str) -> Address:
        """The address of what lies below this one."""
        return Address(self.bucket, f"{self.key.rstrip('/')}/{name}" if self.key else name)


def is_address(text: str) -> bool:
    """Whether a text is meant as the address of a file in an S3 service."""
    return text.startswith(SCHEME)


def parse(text: str) -> Address:
    """The address that a text is.

    Raises:
        InvalidInput: It names no bucket that could exist, or a key with empty parts, ``.`` or ``..``.
    """
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    if not is_address(text) or not _BUCKET.fullmatch(bucket):
        raise _invalid(text, "s3://BUCKET/KEY, with a bucket of 3 to 63 lower-case letters, digits, '-' and '.'")
    if "\0" in key or (key and any(part in ("", ".", "..") for part in key.rstrip("/").split("/"))):
        raise _invalid(text, "s3://BUCKET/KEY, with a key of names between slashes, none of them '.', '..' or empty")
    return Address(bucket, key)


def _invalid(text: str, expected: str) -> InvalidInput:
    return InvalidInput([Fault("address", None, "", repr(text)[:200], expected)])
