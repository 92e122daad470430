"""Who may ask our own paths, and how what is wrong is said."""

from __future__ import annotations

import json

import pytest

from outcrop import Outcrop
from outcrop.domain.errors import StorageFailure
from outcrop.server.admission import Limits
from outcrop.server.api import health
from outcrop.server.api.routes import ROUTES
from tests.doubles import IdleRunner
from tests.server.api.test_evaluation_jobs import refused
from tests.server.wire import Wire

CLOSED = [route for route in ROUTES if not route.open]


def filled(address: str) -> str:
    return address.replace("{job}", "a").replace("{model}", "a")


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: route.name)
def test_a_key_is_needed(wire: Wire, route: object) -> None:
    assert isinstance(route, type(CLOSED[0]))
    answer = wire.send(route.method, filled(route.address))
    refused(answer, 403, "MissingAuthenticationTokenException")
    wire.outcrop.keys.revoke(wire.key.key.id)
    refused(wire.ask(filled(route.address), route.method), 403, "UnrecognizedClientException")


def test_health_needs_none_and_says_nothing_else(wire: Wire) -> None:
    for headers in ({}, {"host": "10.0.0.7:8090"}, {"authorization": "nonsense"}):
        answer = wire.send("GET", "/outcrop/v1/health", headers)
        assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_a_bearer_key_opens_them(wire: Wire) -> None:
    bearer = wire.outcrop.keys.create("b", bearer=True).secret
    assert wire.send("GET", "/outcrop/v1/jobs", {"authorization": f"Bearer {bearer}"}).status == 200


def test_a_path_that_is_none(wire: Wire) -> None:
    headers = {"authorization": f"Bearer {wire.outcrop.keys.create('b', bearer=True).secret}"}
    for path in ("nothing", "jobs/a/b/c", "", "jobs//logs/x", "../jobs", "../../custom-models", "JOBS", "%00"):
        message = refused(wire.send("GET", f"/outcrop/v1/{path}", headers), 404, "UnknownOperationException")
        assert "openapi.json" in message


def test_a_method_that_is_none_of_a_path(wire: Wire) -> None:
    for method in ("DELETE", "POST", "HEAD", "PUT"):
        answer = wire.ask("/outcrop/v1/jobs", method)
        refused(answer, 405, "UnknownOperationException")
        assert answer.headers["allow"] == "GET"
    assert wire.ask("/outcrop/v1/jobs/a/stop").headers["allow"] == "POST"


def test_the_door_is_the_same(runner: IdleRunner, home: object) -> None:
    with Outcrop() as outcrop:
        wire = Wire(outcrop, limits=Limits(frozenset({"127.0.0.1"}), body=10, patience=0.2), rate=2)
        refused(wire.send("GET", "/outcrop/v1/jobs", {"host": "evil.example"}), 403, "AccessDeniedException")
        refused(wire.send("POST", "/outcrop/v1/jobs/a/stop", body=b"x" * 11), 413, "RequestEntityTooLargeException")
        late = wire.send("POST", "/outcrop/v1/jobs/a/stop", {"content-length": "5"}, parts=0)
        refused(late, 408, "RequestTimeoutException")
        answers = [wire.ask("/outcrop/v1/operations") for _ in range(4)]
        assert [answer.status for answer in answers[:2]] == [200, 200]
        refused(answers[3], 429, "ThrottlingException")


@pytest.mark.parametrize("target", ["/outcrop/v1/jobs/a/stop", "/model-customization-jobs/a/stop"])
def test_pages_of_other_sites_may_not_ask(wire: Wire, target: str) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example:8090", "http://[::1", ""):
        headers = wire.signed(target, "POST", {"Origin": origin})
        refused(wire.send("POST", target, headers), 403, "AccessDeniedException")
    for origin in ("http://127.0.0.1:8090", "http://localhost:3000", "HTTP://LOCALHOST"):
        headers = wire.signed(target, "POST", {"Origin": origin})
        refused(wire.send("POST", target, headers), 404, "ResourceNotFoundException")


def test_what_we_did_wrong_is_said_without_details(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    def full(*_: object) -> None:
        raise StorageFailure("the disk is full")

    monkeypatch.setattr(wire.outcrop.jobs, "show", broken)
    assert "secret" not in refused(wire.ask("/outcrop/v1/jobs/a"), 500, "InternalServerException")
    monkeypatch.setattr(wire.outcrop.jobs, "show", full)
    assert refused(wire.ask("/outcrop/v1/jobs/a"), 500, "InternalServerException") == "the disk is full"
    monkeypatch.setattr("outcrop.server.auth.doorkeeper.Doorkeeper.admit", full)
    for target in ("/outcrop/v1/jobs/a", "/custom-models"):
        assert refused(wire.ask(target), 500, "InternalServerException") == "the disk is full"


def test_answers_carry_what_a_client_reports(wire: Wire) -> None:
    first, second = (wire.ask("/outcrop/v1/jobs").headers["x-amzn-requestid"] for _ in range(2))
    assert first != second
    assert wire.ask("/outcrop/v1/jobs").headers["x-content-type-options"] == "nosniff"
    assert json.loads(wire.ask("/outcrop/v1/health").body) == {"status": health.Health().status}
