"""The secrets of access keys, encrypted at rest with a key file."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from outcrop.domain.errors import MissingExtra, StorageFailure

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_NONCE_BYTES = 12

#: Before each sealed secret, so that another way of sealing can follow.
_FORM = "aesgcm1:"


class Seal:
    """Encrypts by AES-256-GCM (NIST SP 800-38D) with the key in a file; the file is made when it is first needed."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def seal(self, secret: str, key_id: str) -> str:
        """The secret of a key, encrypted; it opens for that key's id only, so that rows can't be exchanged.

        Raises:
            MissingExtra: The library for encryption is not installed.
            StorageFailure: The key file can't be made or read, is no key file, or others can read it.
        """
        cipher = self._cipher(make=True)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + base64.b64encode(nonce + cipher.encrypt(nonce, secret.encode(), key_id.encode())).decode()

    def open(self, sealed: str, key_id: str) -> str:
        """The secret that was sealed.

        Raises:
            MissingExtra: As ``seal``.
            StorageFailure: As ``seal``; there is no key file; the secret was sealed with another one, or altered.
        """
        cipher = self._cipher(make=False)
        from cryptography.exceptions import InvalidTag

        try:
            data = base64.b64decode(sealed.removeprefix(_FORM), validate=True)
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], key_id.encode()).decode()
        except (InvalidTag, ValueError):
            raise StorageFailure(
                f"the secret of key {key_id} does not open with the key file {self._file}: it was sealed with another "
                "key file, or was altered; name the right file in OUTCROP_KEY_FILE, or revoke the key and make another"
            ) from None

    def _cipher(self, *, make: bool) -> AESGCM:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            raise MissingExtra(
                "access keys are encrypted by the library cryptography, which is not installed: "
                "pip install 'outcrop[server]' (a bearer key needs no such library)"
            ) from error
        try:
            if make and not self._file.exists():
                _make(self._file)
            return AESGCM(_read(self._file))
        except FileNotFoundError as error:
            raise StorageFailure(
                f"there is no key file {self._file}, and without it access keys can't be used; copy it from the "
                "machine that made them, or name it in OUTCROP_KEY_FILE; if it is lost, revoke them and make others"
            ) from error
        except OSError as error:
            raise StorageFailure(f"{self._file}: the key file can't be made or read ({error.strerror})") from error


def _make(file: Path) -> None:
    """A new key file, whole or not at all; one that is there already stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # Made with mode 0600, in the same folder because a link can't cross file systems.
    descriptor, draft = tempfile.mkstemp(prefix=".key-", dir=file.parent)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        # A link never overwrites: another process may have been faster.
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        os.unlink(draft)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise StorageFailure(f"{file} is no file; expected a key file")
        if state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = stat.S_IMODE(state.st_mode)
            raise StorageFailure(f"others can open the key file {file} (mode {mode:04o}); chmod 600 it")
        text = stream.read(1024)
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise StorageFailure(f"{file} is no key file; expected {_KEY_BYTES} bytes in Base64")
    return key
