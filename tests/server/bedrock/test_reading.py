"""Requests are read by the service model, and refused with all that is wrong with them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from outcrop.server.bedrock.reading import Received, read
from outcrop.server.bedrock.service import operations
from outcrop.server.errors import WireError


def reading(name: str, body: object = None, query: str = "", **labels: str) -> dict[str, Any]:
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(operations()[name], Received(labels, query, {}, content))


def refusal(name: str, body: object = None, query: str = "", **labels: str) -> str:
    with pytest.raises(WireError) as caught:
        reading(name, body, query, **labels)
    assert caught.value.code in ("ValidationException", "SerializationException")
    return caught.value.message


TAGS = {"resourceARN": "arn:aws:bedrock:us-east-1:123456789012:evaluation-job/abcdefghijkl"}


def test_path_query_and_body_are_read() -> None:
    assert reading("GetCustomModel", modelIdentifier="tuned") == {"modelIdentifier": "tuned"}
    found = reading("ListModelCustomizationJobs", query="maxResults=7&creationTimeAfter=2026-01-02T03:04:05Z&unknown=1")
    assert found == {"maxResults": 7, "creationTimeAfter": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}
    assert reading("ListCustomModels", query="isOwned=true") == {"isOwned": True}
    body = {**TAGS, "tags": [{"key": "a", "value": "", "other": 1}], "unknown": {}}
    assert reading("TagResource", body) == {**TAGS, "tags": [{"key": "a", "value": ""}]}


def test_a_moment_may_be_seconds() -> None:
    found = reading("ListModelCustomizationJobs", query="creationTimeBefore=1700000000.5")
    assert found["creationTimeBefore"].timestamp() == 1700000000.5


def test_null_is_absence() -> None:
    assert "tags" in refusal("TagResource", {**TAGS, "tags": None})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {},
            "2 validation errors detected: Value at 'resourceARN' failed to satisfy constraint: Member must not be nu",
        ),
        ({**TAGS, "tags": {}}, "Value '{}' at 'tags' is no list"),
        ({**TAGS, "tags": [1]}, "Value '1' at 'tags.1.member' is no structure"),
        ({**TAGS, "tags": [{"key": 1, "value": "a"}]}, "Value '1' at 'tags.1.member.key' is no string"),
        ({**TAGS, "tags": [{"key": "", "value": "a"}]}, "Member must have length greater than or equal to 1"),
        ({**TAGS, "tags": [{"key": "k", "value": "a" * 257}]}, "Member must have length less than or equal to 256"),
        ({**TAGS, "tags": [{"key": "k", "value": "<"}]}, "Member must satisfy regular expression pattern: ["),
        ({**TAGS, "tags": [{"key": "k", "value": "\ud800"}]}, "is no string"),
        (b"[]", "no JSON object"),
        (b"{", "no JSON that can be read"),
        (b'{"a": NaN}', "NaN is no number of JSON"),
        (b"\xff", "no JSON that can be read"),
        (b"[" * 100_000, "no JSON"),
    ],
    ids=repr,
)
def test_a_wrong_body_is_refused(body: object, said: str) -> None:
    assert said in refusal("TagResource", body)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("maxResults=0", "Member must have value greater than or equal to 1"),
        ("maxResults=1001", "Member must have value less than or equal to 1000"),
        ("maxResults=ten", "Value 'ten' at 'maxResults' is no integer"),
        ("maxResults=" + "9" * 5000, "is no integer"),
        ("statusEquals=Gone", "Member must satisfy enum value set: [InProgress, Completed, Failed, Stopping, Stopped]"),
        ("creationTimeAfter=yesterday", "is no timestamp"),
        ("creationTimeAfter=1e999", "is no timestamp"),
        ("nextToken=%FF", "can't be read"),
    ],
    ids=lambda text: text[:30],
)
def test_a_wrong_query_is_refused(query: str, said: str) -> None:
    assert said in refusal("ListModelCustomizationJobs", query=query)


def test_a_union_has_one_member() -> None:
    message = refusal(
        "CreateEvaluationJob", {"evaluationConfig": {}, "inferenceConfig": {"models": [], "ragConfigs": []}}
    )
    assert "'evaluationConfig' must have exactly one of its members set, found none" in message
    assert "'inferenceConfig' must have exactly one of its members set, found models, ragConfigs" in message


def test_what_aws_takes_beside_its_model_is_taken() -> None:
    message = refusal("CreateEvaluationJob", {"evaluationConfig": evaluation("General")})
    assert "taskType" not in message
    assert "taskType" in refusal("CreateEvaluationJob", {"evaluationConfig": evaluation("Poetry")})


def evaluation(task: str) -> dict[str, Any]:
    return {"automated": {"datasetMetricConfigs": [{"taskType": task, "dataset": {"name": "a"}, "metricNames": ["b"]}]}}


def test_no_text_makes_a_pattern_run_for_ever() -> None:
    """Names of jobs have a pattern whose time doubles with each dash, for who tries it all."""
    began = time.perf_counter()
    refusal("CreateModelCustomizationJob", {"jobName": "a" + "-" * 60 + "!", "customModelName": "a" * 62 + "!"})
    assert time.perf_counter() - began < 5


def test_a_value_in_a_message_is_cut() -> None:
    assert len(refusal("GetCustomModel", modelIdentifier="<" * 100_000)) < 2000
