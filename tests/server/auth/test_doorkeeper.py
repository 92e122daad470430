"""Who is let in, with keys from the catalog; what boto3 says to a refusal."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from outcrop import Outcrop
from outcrop.catalog.sql import SqlCatalog
from outcrop.domain.errors import StorageFailure
from outcrop.domain.keys import Key, NewKey
from outcrop.server.auth.doorkeeper import Caller, Doorkeeper, OpenDoor
from outcrop.server.auth.known_keys import REMEMBERED
from outcrop.server.auth.refused import Refused
from outcrop.server.auth.request import Request
from tests.server.auth.signing import HOST, having, signed, with_header


class Ticks:
    """Seconds that stand until they are moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def bearing(word: str) -> Request:
    """A request with a bearer key, as boto3 sends it."""
    return Request("GET", "/custom-models", "", [("Host", "127.0.0.1"), ("Authorization", f"Bearer {word}")], b"")


def refusal(door: Doorkeeper, request: Request) -> Refused:
    with pytest.raises(Refused) as caught:
        door.admit(request)
    return caught.value


def shown(found: Refused) -> tuple[str, int, str]:
    return found.code, found.status, found.message


INVALID_TOKEN = ("UnrecognizedClientException", 403, "The security token included in the request is invalid.")
INVALID_BEARER = ("AccessDeniedException", 403, "Authentication failed: Please make sure your API Key is valid.")


# access keys


def test_a_signed_request_is_let_in(outcrop: Outcrop, new: NewKey) -> None:
    door = Doorkeeper(outcrop.keys)
    assert door.admit(signed(new.key.id, new.secret)) == Caller(new.key.id, "eu-central-1")
    assert door.admit(signed(new.key.id, new.secret, region="us-west-2", token="t")).region == "us-west-2"


def test_services_are_those_that_the_server_names(outcrop: Outcrop, new: NewKey) -> None:
    request = signed(new.key.id, new.secret, service="sagemaker")
    assert "correct service: 'bedrock'" in refusal(Doorkeeper(outcrop.keys), request).message
    assert Doorkeeper(outcrop.keys, services=("bedrock", "sagemaker")).admit(request).key_id == new.key.id


def test_an_altered_request_is_refused(outcrop: Outcrop, new: NewKey) -> None:
    request = signed(new.key.id, new.secret)
    assert refusal(Doorkeeper(outcrop.keys), having(request, path="/other")).code == "InvalidSignatureException"


@pytest.mark.parametrize("key_id", ["AKIA2222222222222222", "AKIAIOSFODNN7EXAMPLE", "x", "AKIA\0", "A" * 500])
def test_an_unknown_key_is_refused(outcrop: Outcrop, new: NewKey, key_id: str) -> None:
    request = signed(new.key.id, new.secret)
    forged = request.by_name["authorization"][0].replace(new.key.id, key_id)
    found = refusal(Doorkeeper(outcrop.keys), with_header(request, "Authorization", forged))
    assert shown(found) == INVALID_TOKEN or (found.code, "\0" in key_id) == ("IncompleteSignatureException", True)


def test_the_secret_of_another_key_does_not_do(outcrop: Outcrop, new: NewKey) -> None:
    other = outcrop.keys.create()
    request = signed(new.key.id, other.secret)
    assert refusal(Doorkeeper(outcrop.keys), request).code == "InvalidSignatureException"


def test_a_revoked_key_is_refused_within_seconds(outcrop: Outcrop, new: NewKey) -> None:
    ticks = Ticks()
    door = Doorkeeper(outcrop.keys, tick=ticks)
    request = signed(new.key.id, new.secret)
    door.admit(request)
    outcrop.keys.revoke(new.key.id)
    ticks.now = REMEMBERED - 0.1
    door.admit(request)
    ticks.now = REMEMBERED
    assert shown(refusal(door, request)) == INVALID_TOKEN
    assert REMEMBERED <= 5


def test_a_key_that_was_just_made_is_known_at_once(outcrop: Outcrop, new: NewKey) -> None:
    door = Doorkeeper(outcrop.keys, tick=Ticks())
    door.admit(signed(new.key.id, new.secret))
    other = outcrop.keys.create()
    assert door.admit(signed(other.key.id, other.secret)).key_id == other.key.id


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that the catalog is asked for."""
    ids: list[str] = []
    look = SqlCatalog.key

    def asks(catalog: SqlCatalog, key_id: str) -> Key:
        ids.append(key_id)
        return look(catalog, key_id)

    monkeypatch.setattr(SqlCatalog, "key", asks)
    return ids


def test_the_catalog_is_asked_once_in_some_seconds(outcrop: Outcrop, new: NewKey, asked: list[str]) -> None:
    door = Doorkeeper(outcrop.keys)
    for _ in range(5):
        door.admit(signed(new.key.id, new.secret))
        refusal(door, signed("AKIA2222222222222222", "s"))
    assert asked == [new.key.id, "AKIA2222222222222222"]


def test_ids_that_nobody_has_do_not_fill_the_memory(
    outcrop: Outcrop, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outcrop.server.auth.known_keys._MOST", 8)
    door = Doorkeeper(outcrop.keys)
    ids = [f"AKIA{letter * 16}" for letter in "ABCDEFGHIJ"]
    for key_id in [*ids, *ids[2:], ids[0]]:
        refusal(door, signed(key_id, "s"))
    assert asked == [*ids, ids[0]], "the last eight were remembered, the first one was not"


def test_an_expired_key_says_so_to_who_has_its_secret(outcrop: Outcrop) -> None:
    new = outcrop.keys.create(lifetime=60)
    request = signed(new.key.id, new.secret)
    later = Doorkeeper(outcrop.keys, clock=lambda: time.time() + 61)
    assert Doorkeeper(outcrop.keys).admit(request).key_id == new.key.id
    expected = ("ExpiredTokenException", 403, "The security token included in the request is expired")
    assert shown(refusal(later, request)) == expected
    assert refusal(later, having(request, query="")).code == "InvalidSignatureException"


def test_the_clock_is_the_servers(outcrop: Outcrop, new: NewKey) -> None:
    request = signed(new.key.id, new.secret)
    late = Doorkeeper(outcrop.keys, clock=lambda: time.time() + 302)
    assert refusal(late, request).message.startswith("Signature expired: ")
    early = Doorkeeper(outcrop.keys, clock=lambda: time.time() - 302)
    assert refusal(early, request).message.startswith("Signature not yet current: ")


def test_a_key_file_that_is_gone_is_our_fault(outcrop: Outcrop, new: NewKey, home: Path) -> None:
    (home / "secret.key").unlink()
    with pytest.raises(StorageFailure, match="no key file"):
        Doorkeeper(outcrop.keys).admit(signed(new.key.id, new.secret))


# bearer keys


def test_a_bearer_key_is_let_in(outcrop: Outcrop) -> None:
    new = outcrop.keys.create(bearer=True)
    assert Doorkeeper(outcrop.keys).admit(bearing(new.secret)) == Caller(new.key.id, "us-east-1")
    assert Doorkeeper(outcrop.keys, region="eu-west-3").admit(bearing(new.secret)).region == "eu-west-3"


def test_another_word_is_refused(outcrop: Outcrop, new: NewKey) -> None:
    word = outcrop.keys.create(bearer=True).secret
    door = Doorkeeper(outcrop.keys)
    last = "A" if word[-1] != "A" else "B"
    for other in (word[:-1], word[:-1] + last, word + "A", word.upper(), new.secret, "", "ä", "x" * 100_000, "\0"):
        assert shown(refusal(door, bearing(other))) == INVALID_BEARER


def test_the_first_bits_of_a_digest_are_not_enough(outcrop: Outcrop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two words with the same id: the whole digest decides."""
    new = outcrop.keys.create(bearer=True)
    door = Doorkeeper(outcrop.keys)
    monkeypatch.setattr("outcrop.server.auth.doorkeeper.bearer_digest", lambda word: (new.key.id, "0" * 64))
    assert shown(refusal(door, bearing(new.secret))) == INVALID_BEARER


def test_a_bearer_key_expires_and_is_revoked(outcrop: Outcrop) -> None:
    new = outcrop.keys.create(bearer=True, lifetime=60)
    later = Doorkeeper(outcrop.keys, clock=lambda: time.time() + 61)
    assert shown(refusal(later, bearing(new.secret))) == ("AccessDeniedException", 403, "Bearer Token has expired")
    outcrop.keys.revoke(new.key.id)
    assert shown(refusal(Doorkeeper(outcrop.keys), bearing(new.secret))) == INVALID_BEARER


def test_the_id_of_a_bearer_key_signs_nothing(outcrop: Outcrop) -> None:
    new = outcrop.keys.create(bearer=True)
    for secret in (new.secret, new.key.sealed):
        assert shown(refusal(Doorkeeper(outcrop.keys), signed(new.key.id, secret))) == INVALID_TOKEN


# neither


@pytest.mark.parametrize("given", [None, "", "Basic dXNlcjp3b3Jk", "outcrop-abc", "aws4-hmac-sha256 Credential=a"])
def test_no_key_at_all(outcrop: Outcrop, new: NewKey, given: str | None) -> None:
    found = refusal(Doorkeeper(outcrop.keys), with_header(signed(new.key.id, new.secret), "Authorization", given))
    assert shown(found) == ("MissingAuthenticationTokenException", 403, "Missing Authentication Token")


@pytest.mark.parametrize("name", ["Authorization", "Host", "X-Amz-Date", "X-Amz-Security-Token"])
def test_two_of_what_there_is_one_of(outcrop: Outcrop, new: NewKey, name: str) -> None:
    request = signed(new.key.id, new.secret, token="t")
    twice = having(request, headers=[*request.headers, (name.lower(), request.by_name[name.lower()][0])])
    found = refusal(Doorkeeper(outcrop.keys), twice)
    assert shown(found) == (
        *("IncompleteSignatureException", 400),
        f"The header '{name.lower()}' was given 2 times; once is needed.",
    )
    word = outcrop.keys.create(bearer=True).secret
    two = [("Authorization", f"Bearer {word}"), ("authorization", f"Bearer {word}")]
    assert refusal(Doorkeeper(outcrop.keys), Request("GET", "/", "", two, b"")).code == "IncompleteSignatureException"


def test_a_signature_in_the_query_is_refused(outcrop: Outcrop, new: NewKey) -> None:
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("GET", f"{HOST}/custom-models")
    SigV4QueryAuth(Credentials(new.key.id, new.secret), "bedrock", "us-east-1").add_auth(request)
    query = request.prepare().url.partition("?")[2]
    found = refusal(Doorkeeper(outcrop.keys), Request("GET", "/custom-models", query, [("Host", "127.0.0.1")], b""))
    assert found.code == "IncompleteSignatureException"
    assert "query string are not supported" in found.message


def test_a_refusal_holds_no_secret(outcrop: Outcrop, new: NewKey) -> None:
    found = refusal(Doorkeeper(outcrop.keys), having(signed(new.key.id, new.secret), body=b"x"))
    assert new.secret not in str(found) + repr(vars(found))


def test_an_open_door_asks_nobody(new: NewKey) -> None:
    door = OpenDoor("eu-west-1")
    assert door.admit(signed("any", "thing", region="us-west-2")) == Caller("", "us-west-2")
    assert door.admit(signed("any", "thing", region="EVIL\0")) == Caller("", "eu-west-1")
    for request in (bearing("x"), Request("GET", "/", "", [], b"")):
        assert door.admit(request) == Caller("", "eu-west-1")


# clients


@contextmanager
def guarded(door: Doorkeeper, certificate: Path | None = None) -> Iterator[tuple[str, list[Caller]]]:
    """A server that asks the doorkeeper and has nothing to give; its address, and who was let in."""
    callers: list[Caller] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            try:
                callers.append(door.admit(Request(self.command, path, query, self.headers.items(), body)))
                self.reply(200, {}, {})
            except Refused as found:
                self.reply(found.status, {"x-amzn-ErrorType": found.code}, {"message": found.message})

        def reply(self, status: int, headers: dict[str, str], document: dict[str, Any]) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(data))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

        do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http{'s' * (certificate is not None)}://127.0.0.1:{server.server_address[1]}", callers
    finally:
        server.shutdown()
        server.server_close()


def self_signed(file: Path) -> Path:
    """A certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + certificate.public_bytes(pem))
    return file


def calls(client: Any) -> Iterator[Any]:
    """Operations with ids, queries, bodies and headers of all kinds."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:custom-model/meta.llama3-1-8b-instruct-v1:0:128k/abcdefghijkl"
    yield client.list_custom_models()
    yield client.list_custom_models(
        nameContains="ä +&=/", baseModelArnEquals=arn, maxResults=7, creationTimeAfter=1767268800, nextToken="a/b+c=="
    )
    yield client.get_custom_model(modelIdentifier=arn)
    yield client.delete_custom_model(modelIdentifier="my model~1 (ä)")
    yield client.list_tags_for_resource(resourceARN=arn)
    yield client.create_model_customization_job(
        jobName="tuning",
        customModelName="tuned",
        roleArn="arn:aws:iam::123456789012:role/r",
        baseModelIdentifier=arn,
        trainingDataConfig={"s3Uri": "s3://bucket/ä.jsonl"},
        outputDataConfig={"s3Uri": "s3://bucket/out"},
        hyperParameters={"epochCount": "1"},
    )


def test_boto3_signs_what_is_let_in(outcrop: Outcrop, new: NewKey) -> None:
    with guarded(Doorkeeper(outcrop.keys)) as (address, callers):
        client = boto3.client(
            "bedrock", "ap-south-1", None, True, None, address, new.key.id, new.secret, "a session token"
        )
        done = list(calls(client))
        client.close()
    assert callers == [Caller(new.key.id, "ap-south-1")] * len(done)


def test_boto3_sends_a_bearer_key(outcrop: Outcrop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Over TLS: newer versions of botocore send it over nothing else."""
    new = outcrop.keys.create(bearer=True)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", new.secret)
    certificate = self_signed(tmp_path / "server.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with guarded(Doorkeeper(outcrop.keys), certificate) as (address, callers):
        client = boto3.client("bedrock", "ap-south-1", endpoint_url=address)
        done = list(calls(client))
        client.close()
    assert callers == [Caller(new.key.id, "us-east-1")] * len(done)


def test_boto3_shows_a_refusal(outcrop: Outcrop, new: NewKey) -> None:
    with guarded(Doorkeeper(outcrop.keys)) as (address, callers):
        client = boto3.client("bedrock", "us-east-1", None, True, None, address, new.key.id, "another secret")
        with pytest.raises(ClientError) as caught:
            client.list_custom_models()
        client.close()
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert callers == []
