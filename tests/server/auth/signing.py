"""Requests signed by botocore, in the parts that arrive."""

from __future__ import annotations

import calendar
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from outcrop.server.auth.request import Request

HOST = "http://127.0.0.1:8090"
MODELS = f"{HOST}/custom-models?maxResults=10&nameContains=tuned%20one"


def signed(
    key_id: str,
    secret: str,
    *,
    method: str = "GET",
    url: str = MODELS,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    region: str = "eu-central-1",
    service: str = "bedrock",
    token: str | None = None,
) -> Request:
    """A request as botocore signs and sends it, now."""
    request = AWSRequest(method, url, headers or {}, body)
    SigV4Auth(Credentials(key_id, secret, token), service, region).add_auth(request)
    sent = request.prepare()
    parts = urlsplit(sent.url)
    added = [("Host", parts.netloc), ("Accept-Encoding", "identity"), ("Connection", "keep-alive")]
    found = [(name, value.decode() if isinstance(value, bytes) else value) for name, value in sent.headers.items()]
    return Request(sent.method, parts.path, parts.query, [*added, *found], sent.body or b"")


def moment(request: Request) -> float:
    """When it was signed, in seconds since the epoch."""
    return float(calendar.timegm(time.strptime(request.by_name["x-amz-date"][0], "%Y%m%dT%H%M%SZ")))


def having(request: Request, **changes: Any) -> Request:
    """The request with other parts."""
    return replace(request, **changes)


def with_header(request: Request, name: str, value: str | None) -> Request:
    """The request with another value of a header; without the header where None."""
    kept = [pair for pair in request.headers if pair[0].lower() != name.lower()]
    return replace(request, headers=kept if value is None else [*kept, (name, value)])
