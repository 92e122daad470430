"""Names and addresses from a request lead nowhere but where they may."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.doubles import IdleRunner
from tests.server.bedrock.test_customization_jobs import Put, create
from tests.server.test_http import bearer
from tests.server.wire import Wire

PLACES = ("s3://bucket/../../secret.jsonl", "s3://bucket/a/../../../secret.jsonl", "s3://bucket/./x", "s3://bucket//x")


@pytest.fixture
def secret(tiny: Wire, home: Path) -> Path:
    """A file of the home that no address of a bucket may lead to."""
    file = home / "secret.jsonl"
    file.write_text('{"prompt": "Say", "completion": "the secret"}\n' * 8)
    return file


@pytest.mark.parametrize("place", PLACES)
def test_no_address_leads_out_of_its_bucket(runner: IdleRunner, tiny: Wire, put: Put, secret: Path, place: str) -> None:
    for member in ("trainingDataConfig", "outputDataConfig"):
        with pytest.raises(ClientError) as caught:
            create(tiny, put, **{member: {"s3Uri": place}})
        assert caught.value.response["Error"]["Code"] in ("ValidationException", "ResourceNotFoundException")
        assert "the secret" not in str(caught.value)
    assert runner.started == []


@pytest.mark.parametrize(
    "name", ["..", "../..", "../catalog.sqlite", "a/b", "/etc/passwd", "..%2f..", "a\\..\\b", "a\0b"]
)
def test_no_name_is_a_path(runner: IdleRunner, tiny: Wire, put: Put, name: str) -> None:
    for member in ("jobName", "customModelName", "baseModelIdentifier"):
        with pytest.raises(ClientError) as caught:
            create(tiny, put, **{member: name})
        assert caught.value.response["Error"]["Code"] in ("ValidationException", "ResourceNotFoundException")
    assert runner.started == []


@pytest.mark.parametrize("target", ["/custom-models/..", "/custom-models/%2e%2e%2f%2e%2e", "/../../etc/passwd", "//x"])
def test_no_path_of_a_request_is_one_of_the_disk(wire: Wire, target: str) -> None:
    assert wire.send("GET", target, bearer(wire)).status in (400, 404)
