"""Tags as boto3 sees them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.doubles import IdleRunner
from tests.server.bedrock.test_customization_jobs import Put, create, refusal
from tests.server.wire import Wire


def tags(count: int, prefix: str = "key") -> list[dict[str, str]]:
    return [{"key": f"{prefix}-{number}", "value": str(number)} for number in range(count)]


@pytest.fixture
def job(runner: IdleRunner, tiny: Wire, put: Put) -> str:
    """The ARN of a job."""
    arn: str = create(tiny, put)["jobArn"]
    return arn


def test_tags_come_change_and_go(tiny: Wire, job: str) -> None:
    client = tiny.client()
    client.tag_resource(resourceARN=job, tags=[{"key": "team", "value": "a"}, {"key": "stage", "value": ""}])
    client.tag_resource(resourceARN=job, tags=[{"key": "team", "value": "b"}])
    other_region = job.replace("eu-central-1", "us-west-2")
    found = client.list_tags_for_resource(resourceARN=other_region)["tags"]
    assert found == [{"key": "stage", "value": ""}, {"key": "team", "value": "b"}]
    client.untag_resource(resourceARN=job, tagKeys=["stage", "unknown"])
    assert client.list_tags_for_resource(resourceARN=job)["tags"] == [{"key": "team", "value": "b"}]


def test_two_hundred_are_enough(tiny: Wire, job: str) -> None:
    client = tiny.client()
    client.tag_resource(resourceARN=job, tags=tags(200))
    client.tag_resource(resourceARN=job, tags=tags(200))
    with pytest.raises(ClientError) as caught:
        client.tag_resource(resourceARN=job, tags=tags(1, "other"))
    response: dict[str, Any] = caught.value.response
    assert (response["Error"]["Code"], response["resourceName"]) == ("TooManyTagsException", job)
    assert len(client.list_tags_for_resource(resourceARN=job)["tags"]) == 200
    refusal("ValidationException", client.tag_resource, resourceARN=job, tags=tags(201))


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:bedrock:eu-central-1:123456789012:evaluation-job/000000000000",
        "arn:aws:bedrock:eu-central-1:123456789012:custom-model/amazon.nova-pro-v1:0/000000000000",
        "arn:aws:bedrock:eu-central-1:123456789012:guardrail/abcdefghijkl",
    ],
)
def test_what_is_not_there_has_none(tiny: Wire, job: str, arn: str) -> None:
    client = tiny.client()
    refusal("ResourceNotFoundException", client.list_tags_for_resource, resourceARN=arn)
    refusal("ResourceNotFoundException", client.tag_resource, resourceARN=arn, tags=tags(1))
    refusal("ResourceNotFoundException", client.untag_resource, resourceARN=arn, tagKeys=["a"])


def test_a_job_is_not_a_job_of_another_kind(tiny: Wire, job: str) -> None:
    wrong = f"arn:aws:bedrock:eu-central-1:123456789012:evaluation-job/{job.rpartition('/')[2]}"
    refusal("ResourceNotFoundException", tiny.client().list_tags_for_resource, resourceARN=wrong)
