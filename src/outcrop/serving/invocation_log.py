"""Records of requests to models, in the form of Bedrock's model invocation logs, and where they go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outcrop.stores import address

#: Under what the catalog keeps the configuration: a ``LoggingConfig`` of Bedrock's, as it was put.
LOGGING = "logging"

#: Below the prefix, as at AWS; records go to dated folders of their regions.
_FOLDER = "AWSLogs/{account}/BedrockModelInvocationLogs"

_JSON = "application/json"


@dataclass(frozen=True)
class Delivery:
    """What becomes of a request's record.

    Attributes:
        folder: Where the records of the request's region go.
        text: Whether they hold what was asked and answered.
    """

    folder: address.Address
    text: bool


@dataclass(frozen=True)
class Invocation:
    """A request that a model was asked, and what came of it.

    Attributes:
        moment: When it came, in seconds since the epoch.
        key_id: The id of the key that it was made with; "" where none was asked for.
        region: The region that it was meant for.
        request_id: What the answer was called.
        operation: Its name.
        model: How it named the model.
        metadata: What it said of itself, for filters.
        input: Its body; None where that is not kept.
        output: The document that was answered, or the list of a stream's; None where there is none, or it is not kept.
        input_tokens: Tokens that the model read; None where it did not get to the end of its answer.
        output_tokens: Tokens that it wrote; likewise.
        error: Why it was not answered to the end; "" where it was.
    """

    moment: float
    key_id: str
    region: str
    request_id: str
    operation: str
    model: str
    metadata: Mapping[str, str]
    input: Mapping[str, Any] | None
    output: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
    input_tokens: int | None
    output_tokens: int | None
    error: str


def logs_folder(config: Mapping[str, Any], account: str) -> address.Address:
    """Where the records of a ``LoggingConfig`` go.

    Raises:
        InvalidInput: It names no bucket that could exist, or a prefix that is no key.
    """
    place = config["s3Config"]
    prefix = place.get("keyPrefix", "")
    return address.parse(f"{address.SCHEME}{place['bucketName']}/{prefix}").below(_FOLDER.format(account=account))


def hour_folder(delivery: Delivery, invocation: Invocation) -> address.Address:
    """Where the records of the hour in which a request came go."""
    return delivery.folder.below(f"{datetime.fromtimestamp(invocation.moment, UTC):%Y/%m/%d/%H}")


def record(invocation: Invocation, account: str) -> dict[str, Any]:
    """The record of a request, as Bedrock writes it; what is not known is left out."""
    asked = {
        "inputContentType": _JSON,
        "inputBodyJson": invocation.input,
        "inputTokenCount": invocation.input_tokens,
    }
    answered = {
        "outputContentType": _JSON,
        "outputBodyJson": invocation.output,
        "outputTokenCount": invocation.output_tokens,
    }
    silent = invocation.output is None and invocation.output_tokens is None
    return _known(
        {
            "schemaType": "ModelInvocationLog",
            "schemaVersion": "1.0",
            "timestamp": f"{datetime.fromtimestamp(invocation.moment, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "accountId": account,
            "identity": {"arn": _caller(invocation.key_id, account)},
            "region": invocation.region,
            "requestId": invocation.request_id,
            "operation": invocation.operation,
            "modelId": invocation.model,
            "input": _known(asked),
            "output": None if silent else _known(answered),
            "requestMetadata": dict(invocation.metadata) or None,
            "errorCode": invocation.error or None,
        }
    )


def _caller(key_id: str, account: str) -> str:
    """A name for whoever has a key, in the shape of AWS's for users; the account's own where there is no key."""
    return f"arn:aws:iam::{account}:{f'user/{key_id}' if key_id else 'root'}"


def _known(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
