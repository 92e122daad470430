"""What stands before every operation: names, limits, keys, and errors that clients can read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop import Outcrop
from outcrop.server.admission import Limits
from outcrop.server.bedrock.operations import handlers
from outcrop.server.bedrock.service import operations
from outcrop.server.exports import exports
from outcrop.server.serving import Listening
from tests.server.bedrock.test_customization_jobs import Put, create
from tests.server.conftest import TINY
from tests.server.readable import documents
from tests.server.wire import ADDRESS, Answer, Wire


def code(answer: Answer) -> tuple[int, str]:
    assert json.loads(answer.body).keys() >= {"message"}
    assert answer.headers["x-amzn-requestid"]
    return answer.status, answer.headers["x-amzn-errortype"]


def bearer(wire: Wire) -> dict[str, str]:
    return {"authorization": f"Bearer {wire.outcrop.keys.create(bearer=True).secret}"}


def test_nobody_comes_in_without_a_key(wire: Wire) -> None:
    assert code(wire.send("GET", "/custom-models")) == (403, "MissingAuthenticationTokenException")


def test_a_bearer_key_is_enough(wire: Wire) -> None:
    answer = wire.send("GET", "/custom-models", bearer(wire))
    assert (answer.status, json.loads(answer.body)) == (200, {"modelSummaries": []})


@pytest.mark.parametrize("secret", ["wrong" * 8, ""])
def test_a_wrong_secret_is_refused(wire: Wire, secret: str) -> None:
    client = wire.client(key=(wire.key.key.id, secret or wire.key.secret[::-1]))
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        client.list_custom_models()


def test_what_is_no_operation_is_said(wire: Wire) -> None:
    assert code(wire.send("GET", "/nothing", bearer(wire))) == (404, "UnknownOperationException")


def test_what_is_not_implemented_is_said_by_its_name(wire: Wire) -> None:
    with pytest.raises(ClientError, match=r"UnknownOperationException.*CreateGuardrail is not implemented"):
        wire.client().create_guardrail(name="a", blockedInputMessaging="b", blockedOutputsMessaging="c")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8090", ""])
def test_a_page_under_another_name_gets_nothing(wire: Wire, host: str) -> None:
    headers = {**bearer(wire), "host": host}
    assert code(wire.send("GET", "/custom-models", headers)) == (403, "AccessDeniedException")


@pytest.fixture
def narrow(home: Path) -> Iterator[Wire]:
    """A server that takes little, and waits shortly."""
    with Outcrop(home) as opened:
        yield Wire(opened, limits=Limits(frozenset({"127.0.0.1"}), body=1000, patience=0.05), rate=2)


def test_a_large_body_is_refused_before_it_is_read(narrow: Wire) -> None:
    large = {"content-length": "1001"}
    assert code(narrow.send("POST", "/tagResource", large)) == (413, "RequestEntityTooLargeException")


def test_a_body_that_grows_too_large_is_refused(narrow: Wire) -> None:
    answer = narrow.send("POST", "/tagResource", body=b"a" * 1001, parts=5)
    assert code(answer) == (413, "RequestEntityTooLargeException")


def test_a_client_that_stops_sending_is_let_go(narrow: Wire) -> None:
    assert code(narrow.send("POST", "/tagResource", body=b"", parts=0)) == (408, "RequestTimeoutException")


def test_a_key_that_asks_too_much_waits(narrow: Wire) -> None:
    headers = bearer(narrow)
    codes = [narrow.send("GET", "/custom-models", headers).status for _ in range(10)]
    assert codes[:2] == [200, 200]
    assert 429 in codes
    assert code(narrow.send("GET", "/custom-models", headers)) == (429, "ThrottlingException")


def test_an_error_of_ours_shows_nothing(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(wire.outcrop.models, "list", fail)
    answer = wire.send("GET", "/custom-models", bearer(wire))
    assert code(answer) == (500, "InternalServerException")
    assert b"secret" not in answer.body


# fuzzing: whatever comes, the answer is one that a client can read, and none is an error of ours

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "..", "../../etc/passwd", "%2e%2e%2f", "a\0b", "ä" * 70, "'; DROP TABLE jobs; --", "-" * 63]),
    st.sampled_from(
        [
            "tiny",
            "job",
            TINY,
            "tuned",
            "s3://bucket/train.jsonl",
            "s3://bucket/out",
            "s3://bucket/../../x",
            "s3://bucket/%2e%2e/x",
            "arn:aws:iam::123456789012:role/a",
        ]
    ),
    st.from_regex(
        r"arn:aws:bedrock:[a-z-]{2,9}:[0-9]{12}:(custom-model/a\.bc|evaluation-job)/[a-z0-9]{12}", fullmatch=True
    ),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def of_shape(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that nearly have a shape: most are of the right type, few satisfy everything."""
    if depth > 6:
        return VALUES
    match shape.type_name:
        case "structure" if not shape.is_document_type:
            members = {name: of_shape(member, depth + 1) for name, member in shape.members.items()}
            required = {name: members.pop(name) for name in shape.required_members}
            right: st.SearchStrategy[Any] = st.fixed_dictionaries(required, optional=members)
        case "list":
            right = st.lists(of_shape(shape.member, depth + 1), max_size=3)
        case "map":
            right = st.dictionaries(TEXTS, of_shape(shape.value, depth + 1), max_size=3)
        case "integer" | "long":
            right = st.integers(-2, 2000)
        case "float" | "double":
            right = st.floats()
        case "boolean":
            right = st.booleans()
        case "string" if shape.metadata.get("enum"):
            right = st.sampled_from(shape.metadata["enum"])
        case _:
            right = TEXTS
    return st.one_of(right, right, right, VALUES)


@pytest.fixture
def fuzzed(runner: object, answering: Wire, put: Put) -> Callable[..., Answer]:
    """Sends a request with a bearer key to a home where some of what it may ask for is there."""
    headers = bearer(answering)
    create(answering, put, jobName="job", customModelName="made")

    def send(method: str, target: str, body: bytes) -> Answer:
        return answering.send(method, target, headers, body)

    return send


@pytest.mark.parametrize("name", sorted(handlers()))
def test_no_request_is_an_error_of_ours(fuzzed: Callable[..., Answer], name: str) -> None:
    operation = operations()[name]
    members = operation.input.members if operation.input else {}
    where = {member: shape.serialization.get("location", "body") for member, shape in members.items()}
    body = {member: of_shape(shape) for member, shape in members.items() if where[member] == "body"}
    query = {member: TEXTS | st.integers(-1, 2000).map(str) for member in members if where[member] == "querystring"}

    @settings(max_examples=40, derandomize=True)
    @given(st.data())
    def send(data: st.DataObject) -> None:
        labels = {part: data.draw(TEXTS) for part in operation.path if part.startswith("{")}
        path = "/".join(quote(labels[part], safe="") if part in labels else part for part in operation.path)
        asked = data.draw(st.fixed_dictionaries({}, optional=query))
        document = data.draw(st.fixed_dictionaries({}, optional=body) | VALUES)
        try:
            content = json.dumps(document).encode()
        except (ValueError, UnicodeEncodeError):
            content = b"{}"
        encoded = urlencode({name: value.encode("utf-8", "replace") for name, value in asked.items()})
        answer = fuzzed(operation.method, f"/{path}?{encoded}", content)
        assert answer.status < 500, answer.body
        assert documents(answer)

    send()


@settings(max_examples=25, derandomize=True)
@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "x"]),
    st.binary(max_size=60),
    st.binary(),
)
def test_no_path_is_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, method: str, path: bytes, body: bytes
) -> None:
    with Outcrop(tmp_path_factory.mktemp("home")) as opened:
        wire = Wire(opened)
        answer = wire.send(method, "/" + path.decode("latin-1"), bearer(wire), body)
    assert answer.status < 500


def test_the_address_is_the_one_of_the_exports(wire: Wire) -> None:
    listening = Listening()
    assert exports(wire.outcrop, listening, listening.port, None).environment["AWS_ENDPOINT_URL_BEDROCK"] == ADDRESS
    assert ADDRESS.endswith(":8090")
