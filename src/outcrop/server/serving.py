"""Running the server: where it listens, and what goes on beside requests."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from outcrop.app import Outcrop
from outcrop.domain.errors import Fault, InvalidInput, MissingExtra, NotSupported, OutcropError

_log = logging.getLogger(__name__)

#: Seconds between two looks for jobs whose worker died, for deployments that want a model, and for records that are to
#: be delivered.
_RECOVERY = 2.0
_DEPLOYING = 0.5
_DELIVERING = 1.0

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Listening:
    """Where the server listens, and by which names it may be called.

    Attributes:
        host: An address or a name of this machine.
        port: 0 for any that is free.
        names: Names besides the host's own, such as the one that a proxy in front is called by.
        keys: Whether requests need a key.
        certificate, private_key: PEM files for TLS; None for plain HTTP.
    """

    host: str = "127.0.0.1"
    port: int = 8090
    names: Sequence[str] = ()
    keys: bool = True
    certificate: Path | None = None
    private_key: Path | None = None

    @property
    def hosts(self) -> frozenset[str]:
        """Every name by which it may be called; empty for any, where it listens everywhere and no name was given."""
        own = [f"[{self.host}]" if ":" in self.host else self.host]
        everywhere = not self.names and self.host in ("0.0.0.0", "::", "")
        return frozenset() if everywhere else frozenset(map(str.lower, (*_LOOPBACK_NAMES, *own, *self.names)))


def require_safe(listening: Listening) -> None:
    """Make sure that a server without keys can be reached from this machine only, and that TLS has what it needs.

    Raises:
        InvalidInput: It could be reached from elsewhere; or a file for TLS is missing, or is none.
    """
    faults = []
    if not listening.keys and not _is_loopback(listening.host):
        want = "an address of the loopback, such as 127.0.0.1; other addresses need keys: `outcrop keys create`"
        faults.append(Fault("--no-auth", None, "host", listening.host, want))
    if (listening.certificate is None) != (listening.private_key is None):
        faults.append(Fault("--certificate", None, "", "one of two files", "--certificate and --private-key together"))
    elif listening.certificate is not None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                listening.certificate, listening.private_key
            )
        except (OSError, ssl.SSLError) as error:
            found = f"{listening.certificate}, {listening.private_key}: {error}"
            faults.append(Fault("--certificate", None, "", found, "a certificate and its key, as PEM files"))
    if faults:
        raise InvalidInput(faults)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(listening: Listening) -> socket.socket:
    """A socket that listens; its port is known before the first request.

    Raises:
        NotSupported: The address is taken, or is not this machine's.
    """
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    # Only with the protocol named does asyncio send at once what is written; else each answer waits 40 ms for its ACK.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((listening.host, listening.port))
        # Who connects before the server is ready waits, and is not sent away.
        bound.listen(1024)
    except OSError as error:
        bound.close()
        raise NotSupported(
            f"{listening.host}:{listening.port}: can't listen there ({error.strerror or error}); name another --port"
        ) from error
    bound.set_inheritable(False)
    return bound


def serve(outcrop: Outcrop, listening: Listening, bound: socket.socket) -> None:
    """Answer requests until the process is asked to end; jobs go on without the server.

    Raises:
        MissingExtra: What the server stands on is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtra("the server needs packages that are not installed: pip install 'outcrop[server]'") from error
    from outcrop.server.admission import Limits
    from outcrop.server.auth.doorkeeper import Door, Doorkeeper, OpenDoor
    from outcrop.server.auth.limits import RateLimits
    from outcrop.server.deploying import Deployer
    from outcrop.server.http import Server, application
    from outcrop.server.patience import PatientProtocol
    from outcrop.serving.capture import Capture
    from outcrop.serving.serving import Serving

    region = outcrop.services.settings.region
    door: Door = Doorkeeper(outcrop.keys, region=region) if listening.keys else OpenDoor(region)
    rate = outcrop.services.settings.requests_per_second
    serving = Serving(outcrop.services)
    capture = Capture(outcrop.services)
    rates = RateLimits(rate, max(1, round(2 * rate)))
    server = Server(outcrop, serving, door, rates, Limits(listening.hosts), capture)
    config = uvicorn.Config(
        application(server),
        http=PatientProtocol,
        access_log=False,
        log_level="warning",
        server_header=False,
        # A header that never ends holds its connection, and nothing else, for this many bytes.
        h11_max_incomplete_event_size=64 * 1024,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
        lifespan="off",
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.private_key,
        ws="none",
    )

    class Running(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # Streams of events would be waited for, and their clients come again by themselves.
            server.own.shared.ending.set()
            super().handle_exit(sig, frame)

    deployer = Deployer(outcrop, serving)
    with (
        closing(capture),
        closing(serving),
        repeated("delivering records of requests", _DELIVERING, capture.ship),
        repeated("looking for jobs whose worker died", _RECOVERY, outcrop.services.recover),
        repeated("looking after deployments", _DEPLOYING, deployer.look),
    ):
        Running(config).run([bound])


@contextmanager
def repeated(what: str, seconds: float, work: Callable[[], Sequence[str]]) -> Iterator[None]:
    """Within it, do a piece of work every few seconds, whatever goes wrong; the log gets the lines that it returns."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            try:
                for line in work():
                    _log.warning("%s", line)
            except OutcropError as error:
                _log.warning("%s", error)
            except Exception:  # noqa: BLE001 - or nobody would look again for as long as the server runs
                _log.exception("%s failed", what)

    watch = threading.Thread(target=run, name=what, daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()
