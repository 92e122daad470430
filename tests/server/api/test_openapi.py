"""The description of our paths, and that answers are what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from outcrop.domain.jobs import JobKind
from outcrop.server.api.routes import ROUTES
from tests.doubles import IdleRunner, add_scripted, submitted
from tests.server.api.test_customization_jobs import REQUEST
from tests.server.api.test_evaluation_jobs import evaluated
from tests.server.wire import Wire


@pytest.fixture
def described(wire: Wire) -> dict[str, Any]:
    answer = wire.ask("/outcrop/v1/openapi.json")
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


def test_it_is_valid_and_whole(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()
    assert described["openapi"].startswith("3.1")
    told = {(path, method.upper()) for path, each in described["paths"].items() for method in each}
    assert told == {(route.address, route.method) for route in ROUTES}
    names = [each["operationId"] for methods in described["paths"].values() for each in methods.values()]
    assert len(set(names)) == len(names)


def test_parameters_are_told_with_their_bounds(described: dict[str, Any]) -> None:
    listed = described["paths"]["/outcrop/v1/jobs"]["get"]["parameters"]
    most = next(each for each in listed if each["name"] == "maxResults")
    assert most["schema"].items() >= {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}.items()
    compared = described["paths"]["/outcrop/v1/evaluation-jobs/compare"]["get"]["parameters"]
    assert [each["name"] for each in compared if each["required"]] == ["job"]


def test_only_health_needs_no_key(described: dict[str, Any]) -> None:
    open_ones = [path for path, each in described["paths"].items() if each.get("get", {}).get("security") == []]
    assert open_ones == ["/outcrop/v1/health"]


def test_answers_are_of_the_schemas(working: IdleRunner, wire: Wire, described: dict[str, Any], tmp_path: Path) -> None:
    add_scripted(wire.outcrop, tmp_path, "base", echo_words=2)
    add_scripted(wire.outcrop, tmp_path, "good", patterns=[["Question (\\d+)", "rock \\1"]])
    evaluated(wire, tmp_path, "scored", ["base", "good"])
    patched = IdleRunner()
    object.__setattr__(wire.outcrop.services, "runner", patched)
    submitted(wire.outcrop.services, JobKind.CUSTOMIZATION, "training", **REQUEST)
    gate = quote("rougeL < 0.9", safe="")
    targets = {
        "/outcrop/v1/evaluation-jobs/{job}/scores": "/outcrop/v1/evaluation-jobs/scored/scores",
        "/outcrop/v1/evaluation-jobs/compare": f"/outcrop/v1/evaluation-jobs/compare?job=scored&fail_if={gate}",
        "/outcrop/v1/customization-jobs/{job}/loss": "/outcrop/v1/customization-jobs/training/loss",
        "/outcrop/v1/jobs": "/outcrop/v1/jobs",
        "/outcrop/v1/jobs/{job}": "/outcrop/v1/jobs/scored",
        "/outcrop/v1/jobs/{job}/logs": "/outcrop/v1/jobs/scored/logs",
        "/outcrop/v1/health": "/outcrop/v1/health",
        "/outcrop/v1/operations": "/outcrop/v1/operations",
    }
    for path, target in targets.items():
        answer = wire.ask(target, headers={"Accept": "application/json"})
        assert answer.status == 200, answer.body
        content = described["paths"][path]["get"]["responses"]["200"]["content"]
        schema = {**content["application/json"]["schema"], "components": described["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json())
        assert answer.json()
    refusal = wire.ask("/outcrop/v1/jobs/none")
    error = described["paths"]["/outcrop/v1/jobs/{job}"]["get"]["responses"]["default"]["content"]["application/json"]
    jsonschema.Draft202012Validator({**error["schema"], "components": described["components"]}).validate(refusal.json())
