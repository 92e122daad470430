"""The configuration of invocation logging as boto3 sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from outcrop.serving.invocation_log import LOGGING
from outcrop.stores.address import parse
from tests.doubles import IdleRunner
from tests.server.bedrock.test_customization_jobs import refusal
from tests.server.wire import ROLE, Wire

CLOUD_WATCH = {"logGroupName": "bedrock", "roleArn": ROLE}


@pytest.fixture
def client(runner: IdleRunner, wire: Wire) -> Any:
    return wire.client()


def test_a_configuration_comes_changes_and_goes(wire: Wire, client: Any) -> None:
    assert "loggingConfig" not in client.get_model_invocation_logging_configuration()
    client.put_model_invocation_logging_configuration(loggingConfig={"s3Config": {"bucketName": "one"}})
    config = {
        "s3Config": {"bucketName": "bucket", "keyPrefix": "logs/"},
        "cloudWatchConfig": {**CLOUD_WATCH, "largeDataDeliveryS3Config": {"bucketName": "large"}},
        "textDataDeliveryEnabled": True,
        "embeddingDataDeliveryEnabled": False,
    }
    client.put_model_invocation_logging_configuration(loggingConfig=config)
    assert client.get_model_invocation_logging_configuration()["loggingConfig"] == config
    assert wire.outcrop.services.catalog.configuration(LOGGING) == config
    for _ in range(2):
        client.delete_model_invocation_logging_configuration()
        assert "loggingConfig" not in client.get_model_invocation_logging_configuration()


@pytest.mark.parametrize(("prefix", "begin"), [({}, ""), ({"keyPrefix": ""}, ""), ({"keyPrefix": "a/b"}, "a/b/")])
def test_the_bucket_is_written_to(wire: Wire, client: Any, prefix: dict[str, str], begin: str) -> None:
    client.put_model_invocation_logging_configuration(loggingConfig={"s3Config": {"bucketName": "bucket", **prefix}})
    place = f"s3://bucket/{begin}AWSLogs/123456789012/BedrockModelInvocationLogs/amazon-bedrock-logs-permission-check"
    assert wire.outcrop.services.buckets.fetch(parse(place)).read_bytes() == b""


@pytest.mark.parametrize("config", [{}, {"cloudWatchConfig": CLOUD_WATCH}, {"textDataDeliveryEnabled": True}])
def test_records_go_to_buckets_only(client: Any, config: dict[str, Any]) -> None:
    call = client.put_model_invocation_logging_configuration
    assert "needs an s3Config" in refusal("ValidationException", call, loggingConfig=config)
    assert "loggingConfig" not in client.get_model_invocation_logging_configuration()


@pytest.mark.parametrize(
    "place",
    [{"bucketName": "No_bucket"}, {"bucketName": "bucket", "keyPrefix": "../up"}, {"bucketName": "x" * 64}],
    ids=str,
)
def test_a_place_that_is_none_is_refused(client: Any, place: dict[str, str]) -> None:
    call = client.put_model_invocation_logging_configuration
    refusal("ValidationException", call, loggingConfig={"s3Config": place})


def test_a_bucket_that_can_not_be_written_is_refused(wire: Wire, client: Any, home: Path) -> None:
    client.put_model_invocation_logging_configuration(loggingConfig={"s3Config": {"bucketName": "bucket"}})
    root = Path(str(wire.outcrop.services.buckets.fetch(parse(_check("bucket"))))).parents[4]
    (root / "file").write_text("no folder", encoding="utf-8")
    call = client.put_model_invocation_logging_configuration
    message = refusal("ValidationException", call, loggingConfig={"s3Config": {"bucketName": "file"}})
    assert "s3Config" in message
    assert "can't be written" in message
    kept = client.get_model_invocation_logging_configuration()["loggingConfig"]
    assert kept == {"s3Config": {"bucketName": "bucket"}}


def _check(bucket: str) -> str:
    return f"s3://{bucket}/AWSLogs/123456789012/BedrockModelInvocationLogs/amazon-bedrock-logs-permission-check"
