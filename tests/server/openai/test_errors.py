"""Errors in OpenAI's shape: status, type and code of each, and the class that the official client makes of it."""

from __future__ import annotations

import json

import openai
import pytest

from outcrop.domain.errors import (
    Fault,
    InvalidInput,
    ModelFailed,
    NotFound,
    NotSupported,
    OverBudget,
    StorageFailure,
    Throttled,
)
from outcrop.server.auth import refused
from outcrop.server.errors import STATUSES, WireError
from outcrop.server.openai.errors import error_document, refusal
from outcrop.server.openai.events import error_event
from tests.server.openai.double import Double

ASK = b'{"model": "rock", "messages": [{"role": "user", "content": "Hi"}]}'


def fault(field: str) -> Fault:
    return Fault("request", None, field, "5", "a text")


@pytest.mark.parametrize(
    ("error", "status", "kind", "param", "code"),
    [
        (InvalidInput([fault("stop")]), 400, "invalid_request_error", "stop", None),
        (InvalidInput([fault("stop"), fault("n")]), 400, "invalid_request_error", None, None),
        (InvalidInput([fault("")]), 400, "invalid_request_error", None, None),
        (NotSupported("no"), 400, "invalid_request_error", None, None),
        (WireError("SerializationException", "no"), 400, "invalid_request_error", None, None),
        (refused.missing(), 401, "invalid_request_error", None, "invalid_api_key"),
        (refused.denied(refused.UNKNOWN_BEARER), 401, "invalid_request_error", None, "invalid_api_key"),
        (refused.incomplete("no"), 401, "invalid_request_error", None, "invalid_api_key"),
        (WireError("AccessDeniedException", "not this name"), 403, "invalid_request_error", None, None),
        (NotFound("no"), 404, "invalid_request_error", None, "model_not_found"),
        (WireError("UnknownOperationException", "no"), 404, "invalid_request_error", None, "unknown_url"),
        (WireError("UnknownOperationException", "no", 405), 405, "invalid_request_error", None, "unknown_url"),
        (WireError("RequestTimeoutException", "late"), 408, "invalid_request_error", None, None),
        (WireError("RequestEntityTooLargeException", "big"), 413, "invalid_request_error", None, None),
        (Throttled("busy"), 429, "rate_limit_error", None, "rate_limit_exceeded"),
        (OverBudget("spent"), 429, "insufficient_quota", None, "insufficient_quota"),
        (ModelFailed("ended"), 500, "server_error", None, None),
        (StorageFailure("full"), 500, "server_error", None, None),
        (ZeroDivisionError("secret"), 500, "server_error", None, None),
        (WireError("ServiceUnavailableException", "starting"), 503, "server_error", None, None),
    ],
)
def test_each_error(error: Exception, status: int, kind: str, param: str | None, code: str | None) -> None:
    found, document = error_document(error, "test")
    assert (found, set(document), set(document["error"])) == (status, {"error"}, {"message", "type", "param", "code"})
    told = document["error"]
    assert (told["type"], told["param"], told["code"]) == (kind, param, code)
    assert told["message"]
    assert "secret" not in told["message"]
    answer = refusal(error, "test")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert json.loads(bytes(answer.body)) == document
    assert json.loads(error_event(error, "test").removeprefix(b"data: ")) == document


@pytest.mark.parametrize("code", STATUSES)
def test_every_code_of_the_wire_has_a_status_of_openais(code: str) -> None:
    status, document = error_document(WireError(code, "no"), "test")
    assert status in (400, 403, 404, 408, 413, 429, 500, 503)
    assert (document["error"]["type"] == "server_error") is (status >= 500)


def test_a_wrong_key_is_an_authentication_error(double: Double) -> None:
    for key in ("sk-nonsense", "A" * 60):
        with pytest.raises(openai.AuthenticationError, match="outcrop keys create --bearer") as caught:
            double.client(key).models.list()
        assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/v1/completions", "/v1/embeddings", "/v1/models"])
def test_a_missing_key_is_401(double: Double, path: str) -> None:
    status, document = double.send("POST", path, ASK)
    assert (status, document["error"]["code"]) == (401, "invalid_api_key")


def test_a_key_in_the_header_opens_the_door(double: Double) -> None:
    status, document = double.send("POST", "/v1/chat/completions", ASK, Authorization=f"Bearer {double.key}")
    assert (status, document["object"]) == (200, "chat.completion")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"temperature": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object(double: Double, body: bytes) -> None:
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings"):
        status, document = double.send("POST", path, body, authorization=f"Bearer {double.key}")
        assert (status, document["error"]["type"]) == (400, "invalid_request_error")


def test_paths_and_methods_that_are_none(double: Double) -> None:
    key = f"Bearer {double.key}"
    status, document = double.send("POST", "/v1/images", b"{}", authorization=key)
    assert (status, document["error"]["code"]) == (404, "unknown_url")
    assert "POST /v1/chat/completions" in document["error"]["message"]
    status, document = double.send("GET", "/v1/chat/completions", authorization=key)
    assert (status, document["error"]["code"]) == (405, "unknown_url")
    assert "takes POST" in document["error"]["message"]


def test_faults_reach_the_client_all_at_once(double: Double) -> None:
    with pytest.raises(openai.BadRequestError, match=r"(?s)request: temperature: .*request: n: ") as caught:
        double.client().chat.completions.create(
            model="rock", messages=[{"role": "user", "content": "Hi"}], temperature=9, n=3
        )
    assert caught.value.type == "invalid_request_error"
