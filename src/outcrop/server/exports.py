"""What a client needs in its environment, as lines for a shell."""

from __future__ import annotations

import time
from collections.abc import Iterator

from outcrop.app import Outcrop
from outcrop.server.serving import Listening

#: What stands in for keys where none are asked for: boto3 signs with something or not at all.
_NOBODY = ("outcrop", "no-key-is-asked-for")


def exports(outcrop: Outcrop, listening: Listening, port: int, aws: str | None) -> Iterator[str]:
    """The lines; the first server of a home that asks for keys makes one, and shows it this once.

    Args:
        outcrop: The home.
        listening: Where the server listens.
        port: Its port.
        aws: The address of the stand-ins for S3, IAM and STS; None where there are none.

    Yields:
        ``export NAME=VALUE``, and comments.
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listening.host, listening.host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    yield f"export AWS_ENDPOINT_URL_BEDROCK={address}"
    yield f"export AWS_DEFAULT_REGION={outcrop.services.settings.region}"
    if aws is not None:
        yield "# S3, IAM and STS in memory: what they hold is gone when the server ends"
        for service in ("S3", "IAM", "STS"):
            yield f"export AWS_ENDPOINT_URL_{service}={aws}"
    if not listening.keys:
        yield f"export AWS_ACCESS_KEY_ID={_NOBODY[0]}"
        yield f"export AWS_SECRET_ACCESS_KEY={_NOBODY[1]}"
    elif any(key.state(time.time()) == "holds" for key in outcrop.keys.list()):
        yield "# and your key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `outcrop keys create` makes another"
    else:
        new = outcrop.keys.create("made by the first `outcrop serve`")
        yield f"export AWS_ACCESS_KEY_ID={new.key.id}"
        yield f"export AWS_SECRET_ACCESS_KEY={new.secret}"
        yield "# keep these two lines: the secret can't be shown again"
