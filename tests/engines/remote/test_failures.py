from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest

from outcrop.domain.errors import RemoteRefusal
from outcrop.engines.remote.failures import PassingFailure, failure_of, retry_after, said


def error(message: str, **more: object) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_failures_that_pass(status: int) -> None:
    found = failure_of(status, {"retry-after": "2"}, error("slow down"))
    assert isinstance(found, PassingFailure)
    assert str(found) == f"{status} slow down"
    assert (found.throttled, found.retry_after, found.charged) == (status == 429, 2.0, False)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 501])
def test_failures_that_do_not(status: int) -> None:
    found = failure_of(status, {"retry-after": "2"}, error("no such model"))
    assert isinstance(found, RemoteRefusal)
    assert (str(found), found.status) == (f"{status} no such model", status)


def test_an_account_without_money_is_no_throttling() -> None:
    assert isinstance(failure_of(429, {}, error("You exceeded your quota", code="insufficient_quota")), RemoteRefusal)


def test_a_redirection_is_told_and_not_followed() -> None:
    found = failure_of(307, {"location": "https://elsewhere.example/v1"}, b"")
    assert isinstance(found, RemoteRefusal)
    assert "a redirection, which is never followed: add the model with its real address" in str(found)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({}, None),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_in_the_future() -> None:
    found = retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert found is not None
    assert 57 < found <= 60


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (error("one\ntwo\x1b[31m"), "one two [31m"),
        (b'{"error": "model is loading"}', "model is loading"),
        (b'{"message": "no", "object": "error"}', "no"),
        (b"<html>Bad\r\n gateway</html>", "<html>Bad gateway</html>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[1]", "[1]"),
        (b"", ""),
        (b"x" * 5000, "x" * 300 + "…"),
    ],
)
def test_what_a_server_said_is_one_short_line(body: bytes, words: str) -> None:
    assert said(body) == words
