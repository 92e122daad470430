"""Addresses of servers."""

from __future__ import annotations

from urllib.parse import urlsplit

#: What OpenAI's own address ends with, and what nearly all compatible servers have.
_VERSION = "/v1"


def address_fault(text: str) -> str | None:
    """What is expected instead of a text that is no address of a server; None where it is one."""
    want = "http:// or https://, a host, perhaps a port and a path"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return want
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return want
    if not text.isascii() or not text.isprintable() or " " in text:
        return f"{want}, in ASCII without spaces"
    if parts.username is not None or parts.password is not None:
        return "an address without user or password: a key is read from the variable that --api-key-env names"
    if parts.query or parts.fragment:
        return "an address without '?' and '#'"
    return None


def normalised(text: str) -> str:
    """The address without a slash at its end; one without a path gets ``/v1``."""
    parts = urlsplit(text)
    path = parts.path.rstrip("/") or _VERSION
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def is_open(text: str) -> bool:
    """Whether what is sent there can be read on its way: plain HTTP to another machine."""
    parts = urlsplit(text)
    return parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1")
