"""What a client needs in its environment."""

from __future__ import annotations

import time
from dataclasses import dataclass

from outcrop.app import Outcrop
from outcrop.server.serving import Listening

#: What stands in for keys where none are asked for: boto3 signs with something or not at all.
_NOBODY = ("outcrop", "no-key-is-asked-for")


@dataclass(frozen=True)
class Exports:
    """Variables for a client, and what a person is to know of them, a sentence each."""

    environment: dict[str, str]
    notes: tuple[str, ...]


def exports(outcrop: Outcrop, listening: Listening, port: int, aws: str | None) -> Exports:
    """What to set; the first server of a home that asks for keys makes one, and shows it this once.

    Args:
        outcrop: The home.
        listening: Where the server listens.
        port: Its port.
        aws: The address of the stand-ins for S3, IAM and STS; None where there are none.
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listening.host, listening.host)
    scheme = "https" if listening.certificate else "http"
    address = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    found = {
        "AWS_ENDPOINT_URL_BEDROCK": address,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": address,
        "AWS_DEFAULT_REGION": outcrop.services.settings.region,
    }
    notes = []
    if aws is not None:
        found |= {f"AWS_ENDPOINT_URL_{service}": aws for service in ("S3", "IAM", "STS")}
        notes.append("S3, IAM and STS are in memory: what they hold is gone when the server ends")
    if not listening.keys:
        found |= {"AWS_ACCESS_KEY_ID": _NOBODY[0], "AWS_SECRET_ACCESS_KEY": _NOBODY[1]}
    elif any(key.state(time.time()) == "holds" for key in outcrop.keys.list()):
        notes.append(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key of yours; `outcrop keys create` makes one"
        )
    else:
        new = outcrop.keys.create("made by the first `outcrop serve`")
        found |= {"AWS_ACCESS_KEY_ID": new.key.id, "AWS_SECRET_ACCESS_KEY": new.secret}
        notes.append("keep the key's two lines: the secret can't be shown again")
    return Exports(found, tuple(notes))
