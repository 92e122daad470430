"""The proxy that stands between here and a server, where the environment names one."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from outcrop.domain.errors import Fault, InvalidInput

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Proxy:
    """A proxy, and the header by which it knows who asks; "" where it does not want to."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What it wants with each request, or each tunnel."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


def proxy_for(scheme: str, host: str) -> Proxy | None:
    """The proxy of ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``, as other tools read them; None for this machine.

    Raises:
        InvalidInput: The variable holds something else.
    """
    address = getproxies().get(scheme)
    if not address or host in _LOOPBACK or proxy_bypass(host):
        return None
    parts = urlsplit(address if "://" in address else f"http://{address}")
    variable = f"{scheme.upper()}_PROXY"
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        # Not the value: it may hold a password.
        raise InvalidInput([Fault("environment", None, variable, "no such address", "http://HOST:PORT")])
    if parts.username is None:
        return Proxy(parts.hostname, port)
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return Proxy(parts.hostname, port, f"Basic {base64.b64encode(secret).decode()}")
