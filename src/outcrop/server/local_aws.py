"""Stand-ins for S3, IAM and STS on the loopback, so that a script which makes buckets and roles runs on a laptop.

They are moto's, and keep everything in memory.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from outcrop.domain.errors import MissingExtra

#: What boto3 wants to find before it asks a server that checks no keys.
_KEYS = {"AWS_ACCESS_KEY_ID": "outcrop", "AWS_SECRET_ACCESS_KEY": "outcrop", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def local_aws() -> Iterator[str]:
    """The stand-ins' address, while they run; ``s3://`` leads to them in this process and in workers it starts.

    Raises:
        MissingExtra: moto is not installed.
    """
    try:
        from moto.server import ThreadedMotoServer
    except ImportError as error:
        raise MissingExtra("stand-ins for S3, IAM and STS need moto: pip install 'outcrop[local-aws]'") from error
    # Each request of a script would be a line on the terminal of whoever started the server.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    # Before the home is opened: the settings read these.
    os.environ.update({"AWS_ENDPOINT_URL_S3": address, "OUTCROP_S3": "remote"})
    for name, value in _KEYS.items():
        os.environ.setdefault(name, value)
    try:
        yield address
    finally:
        server.stop()
