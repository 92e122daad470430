"""Signatures that botocore and AWS's own examples make hold; those of anything else do not."""

from __future__ import annotations

import hashlib
import string
from urllib.parse import unquote, unquote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from outcrop.server.auth.refused import Refused, unrecognized
from outcrop.server.auth.request import Request
from outcrop.server.auth.signature import check_scope, check_signature, read_signature
from tests.server.auth.signing import HOST, having, moment, signed, with_header

KEY_ID, SECRET = "AKIA222222222222ABCD", "s" * 20 + "S" * 20
ARN = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Acustom-model%2Fmeta.llama3-1-8b-instruct-v1%3A0%3A128k%2Fabc123"
BODY = b'{"jobName": "tuning", "hyperParameters": {"epochCount": "1"}}'


def check(request: Request, secret: str = SECRET, now: float | None = None) -> None:
    """All that can be said of a signature."""
    signature = read_signature(request)
    check_scope(signature, ("bedrock",), moment(request) if now is None else now)
    if signature.key_id != KEY_ID:
        raise unrecognized()
    check_signature(request, signature, secret)


def refusal(request: Request, secret: str = SECRET, now: float | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        check(request, secret, now)
    return caught.value


def post(**changes: object) -> Request:
    request = signed(
        KEY_ID,
        SECRET,
        method="POST",
        url=f"{HOST}/custom-models/{ARN}?a=1",
        headers={"Content-Type": "application/json"},
        body=BODY,
    )
    return having(request, **changes)


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "/custom-models",
        f"/custom-models/{ARN}",
        f"/model/{ARN}/invoke",
        "/prompts/",
        "/a~b_c-d.e/%20%7E/%e2%82%ac/x:y@z!$&'()*,;=+",
        "/tags?resourceARN=" + ARN,
        "/custom-models?b=2&a=1&a=0&b=",
        "/custom-models?empty=&bare",
        "/custom-models?nameContains=%C3%A4%20%2B%26%3D&creationTimeAfter=2026-01-01T00%3A00%3A00Z",
        "/custom-models?plus=a+b",
        "/custom-models?A=1&a=2&B=3",
        "/custom-models?nextToken=abc%2Fdef%3D%3D&maxResults=1000",
    ],
)
def test_what_botocore_signs_holds(url: str) -> None:
    for method, body in (("GET", b""), ("POST", BODY), ("DELETE", b""), ("PUT", "é😀".encode())):
        check(signed(KEY_ID, SECRET, method=method, url=HOST + url, body=body))


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"X-Amzn-Bedrock-Accept": "application/json", "Accept": "*/*"},
        {"X-Amz-Spaced": "  a   b \t c  ", "x-amz-empty": ""},
        {"amz-sdk-invocation-id": "1b2c", "amz-sdk-request": "attempt=1", "User-Agent": "Boto3/1 ü"},
        {"x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    ],
)
def test_headers_that_botocore_signs_hold(headers: dict[str, str]) -> None:
    check(signed(KEY_ID, SECRET, headers=headers))


def test_headers_that_came_more_than_once_are_joined_in_their_order() -> None:
    request = signed(KEY_ID, SECRET, headers={"X-Amz-Many": "a,b  b,c"})
    pairs = [pair for pair in request.headers if pair[0] != "X-Amz-Many"]
    many = [("X-Amz-Many", "a"), ("x-amz-many", " b  b "), ("X-AMZ-MANY", "c")]
    check(having(request, headers=[*many, *pairs]))
    assert refusal(having(request, headers=[*reversed(many), *pairs])).code == "InvalidSignatureException"


def test_a_session_token_has_to_be_signed() -> None:
    request = signed(KEY_ID, SECRET, token="session")
    check(request)
    assert refusal(with_header(request, "X-Amz-Security-Token", "other")).code == "InvalidSignatureException"
    added = refusal(with_header(signed(KEY_ID, SECRET), "X-Amz-Security-Token", "session"))
    assert added.message == "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization."


#: From AWS's published test suite of signatures: query, further headers, method, body, signature.
SUITE = {
    "get-vanilla": ("", [], "GET", b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-vanilla-query-order-key-case": (
        *("Param2=value2&Param1=value1", [], "GET", b""),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-query-unreserved": (
        *("=".join(2 * ["-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"]), [], "GET", b""),
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    "get-header-value-trim": (
        *("", [("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')], "GET", b""),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "get-header-key-duplicate": (
        *("", [("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")], "GET", b""),
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    "post-vanilla": ("", [], "POST", b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "post-header-key-sort": (
        *("", [("My-Header1", "value1")], "POST", b""),
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-x-www-form-urlencoded": (
        *("", [("Content-Type", "application/x-www-form-urlencoded")], "POST", b"Param1=value1"),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}


@pytest.mark.parametrize("case", SUITE)
def test_the_published_suite(case: str) -> None:
    query, more, method, body, value = SUITE[case]
    headers = [("Host", "example.amazonaws.com"), *more, ("X-Amz-Date", "20150830T123600Z")]
    names = ";".join(sorted({name.lower() for name, _ in headers}))
    credential = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
    shown = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={value}"
    request = Request(method, "/", query, [*headers, ("Authorization", shown)], body)
    signature = read_signature(request)
    check_scope(signature, ("service",), moment(request))
    check_signature(request, signature, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


# what was altered


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "PUT"},
        {"method": "post"},
        {"path": f"/custom-models/{ARN}/"},
        {"path": f"/custom-models/{ARN[:-1]}"},
        {"path": f"/custom-models/{ARN.replace('%2F', '/')}"},
        {"path": f"/custom-models/{ARN.replace('%3A', '%3a')}"},
        {"path": "/"},
        {"query": ""},
        {"query": "a=2"},
        {"query": "a=1&b=2"},
        {"query": "a=1&a=1"},
        {"query": "A=1"},
        {"body": b""},
        {"body": BODY[:-1]},
        {"body": BODY + b" "},
        {"body": BODY.replace(b"1", b"2")},
    ],
    ids=str,
)
def test_an_altered_request_is_refused(changes: dict[str, object]) -> None:
    check(post())
    assert refusal(post(**changes)).code == "InvalidSignatureException"


@pytest.mark.parametrize("name", ["Host", "Content-Type"])
@pytest.mark.parametrize("value", ["other", "", "127.0.0.1:8090 other", None])
def test_an_altered_header_is_refused(name: str, value: str | None) -> None:
    assert refusal(with_header(post(), name, value)).code == "InvalidSignatureException"


def test_a_header_that_was_not_signed_may_change() -> None:
    check(with_header(post(), "User-Agent", "ünsigned"))


@pytest.mark.parametrize("path", ["/a//b", "//a", "/a/../b", "/a/.", "/..", "a", "", "http://elsewhere/a", "/ä", "*"])
def test_a_path_that_signers_would_put_straight_is_refused(path: str) -> None:
    """The signature is right for the path that botocore makes of it."""
    request = signed(KEY_ID, SECRET, url=HOST + path if path.startswith("/") else HOST)
    assert refusal(having(request, path=path)).code == "InvalidSignatureException"


def test_bytes_beyond_ascii_are_what_was_signed() -> None:
    """A client that escapes nothing sends UTF-8; it arrives as Latin-1."""
    arrived = "ä".encode().decode("latin-1")
    request = signed(KEY_ID, SECRET, url=f"{HOST}/ä?a=%C3%A4")
    check(having(request, path=f"/{arrived}", query=f"a={arrived}"))
    assert refusal(having(request, path="/ä")).code == "InvalidSignatureException"
    assert refusal(having(request, path=f"/{arrived}", query="a=ä")).code == "InvalidSignatureException"


def test_percent_signs_of_a_query_are_read_as_one_whatever_their_case() -> None:
    """As curl sends them; a plus sign is neither an escaped plus sign nor a space."""
    request = signed(KEY_ID, SECRET, url=f"{HOST}/custom-models?at=12%3A00%2B")
    check(having(request, query="at=12:00%2b"))
    for query in ("at=12:00+", "at=12:00%20", "at=12%253A00%2B", "at=12:00%2b%"):
        assert refusal(having(request, query=query)).code == "InvalidSignatureException"


def test_another_secret_is_refused() -> None:
    found = refusal(post(), secret="s" * 40)
    assert (found.code, found.status) == ("InvalidSignatureException", 403)
    assert found.message.startswith("The request signature we calculated does not match the signature you provided.")


def differing(text: str, place: int, other: str) -> str:
    """The text with one character changed."""
    place %= len(text)
    assume(text[place] != other)
    return text[:place] + other + text[place + 1 :]


PLACE = st.integers(0, 10_000)
PRINTABLE = st.sampled_from(string.ascii_letters + string.digits + string.punctuation + " ")


@given(place=PLACE, other=PRINTABLE)
def test_any_other_character_in_the_path_is_refused(place: int, other: str) -> None:
    request = post()
    refusal(having(request, path=differing(request.path, place, other)))


@given(place=PLACE, other=st.integers(0, 255))
def test_any_other_byte_in_the_body_is_refused(place: int, other: int) -> None:
    body = bytearray(BODY)
    assume(body[place % len(BODY)] != other)
    body[place % len(BODY)] = other
    refusal(post(body=bytes(body)))


@given(place=PLACE, other=PRINTABLE)
def test_any_other_character_in_the_authorization_is_refused(place: int, other: str) -> None:
    request = post()
    before = request.by_name["authorization"][0]
    # Commas and spaces only keep the parameters apart: one of them more or less says nothing else.
    assume(before[place % len(before)] not in ", ")
    refusal(with_header(request, "Authorization", differing(before, place, other)))


@given(place=PLACE, other=PRINTABLE, name=st.sampled_from(["host", "content-type", "x-amz-date"]))
def test_any_other_character_in_a_signed_header_is_refused(place: int, other: str, name: str) -> None:
    request = post()
    now = moment(request)
    value = differing(request.by_name[name][0], place, other)
    refusal(with_header(request, name, value), now=now)


@given(query=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12))
def test_a_query_with_another_meaning_is_refused(query: str) -> None:
    """Whoever reads it, whether a plus sign is a space to him or not."""

    def meanings(text: str) -> list[list[str]]:
        pairs = [pair if "=" in pair else f"{pair}=" for pair in text.split("&")]
        return [sorted(read(pair) for pair in pairs) for read in (unquote, unquote_plus)]

    before = "name=a%20b&plus=%2B"
    request = signed(KEY_ID, SECRET, url=f"{HOST}/a?{before}")
    assume(meanings(query) != meanings(before))
    refusal(having(request, query=query))


# the scope and the clock


@pytest.mark.parametrize("skew", [-300, 0, 300])
def test_clocks_may_differ_by_five_minutes(skew: int) -> None:
    request = post()
    check(request, now=moment(request) + skew)


def test_a_signature_grows_old() -> None:
    request = with_header(post(), "X-Amz-Date", "20260101T120000Z")
    found = refusal(request, now=1767269101)  # 2026-01-01 12:05:01
    assert (found.code, found.status) == ("InvalidSignatureException", 403)
    assert found.message == (
        "Signature expired: 20260101T120000Z is now earlier than 20260101T120001Z (20260101T120501Z - 5 min.)"
    )
    assert refusal(request, now=1767268499).message == (  # 11:54:59
        "Signature not yet current: 20260101T120000Z is still later than 20260101T115959Z (20260101T115459Z + 5 min.)"
    )


@pytest.mark.parametrize("region", ["us-east-1", "mars-north-9", "local"])
def test_any_region_will_do(region: str) -> None:
    check(signed(KEY_ID, SECRET, region=region))


@pytest.mark.parametrize("region", ["US-EAST-1", "eu central", "e" * 33, "eu_central_1", "eu.central", "é"])
def test_a_region_is_short_and_plain(region: str) -> None:
    assert refusal(signed(KEY_ID, SECRET, region=region)).code in {
        "InvalidSignatureException",
        "IncompleteSignatureException",
    }


def test_the_scope_is_this_servers_and_of_the_day() -> None:
    request = signed(KEY_ID, SECRET, region="US", service="s3")
    shown = request.by_name["authorization"][0]
    day = request.by_name["x-amz-date"][0][:8]
    found = refusal(
        with_header(request, "Authorization", shown.replace(f"/{day}/", "/20150830/").replace("aws4_req", "aws5_req"))
    )
    assert found.code == "InvalidSignatureException"
    assert found.message == (
        "Credential should be scoped to a valid region, not 'US'. "
        "Credential should be scoped to correct service: 'bedrock'. "
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. "
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'20150830' != '{day}', from '{request.by_name['x-amz-date'][0]}'."
    )


# the body


@pytest.mark.parametrize("said", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", "E3B0C442"])
def test_a_body_that_is_not_signed_is_refused(said: str) -> None:
    request = signed(KEY_ID, SECRET, method="POST", body=BODY, headers={"X-Amz-Content-SHA256": said})
    assert "a body has to be signed" in refusal(request).message


def test_the_said_digest_is_held_against_the_body() -> None:
    digest = hashlib.sha256(BODY).hexdigest()
    request = signed(KEY_ID, SECRET, method="POST", body=BODY, headers={"X-Amz-Content-SHA256": digest})
    check(request)
    assert "does not match what was computed" in refusal(having(request, body=BODY + b" ")).message


# what can't be read


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("AWS4-ECDSA-P256-SHA256 Credential=a", "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'"),
        ("AWS4-HMAC-SHA256", "requires 'Credential' parameter. Authorization header requires 'Signature' parameter."),
        ("AWS4-HMAC-SHA256 Credential=, Signature=, SignedHeaders=", "requires 'SignedHeaders' parameter"),
        ("AWS4-HMAC-SHA256 Credential", "'Credential' not a valid key=value pair (missing equal-sign)"),
        ("AWS4-HMAC-SHA256 Credential=a, Credential=b", "'Credential' parameter twice"),
        ("AWS4-HMAC-SHA256 Credential=a/b, Signature=c, SignedHeaders=d", "exactly 5 slash-delimited elements"),
        ("AWS4-HMAC-SHA256 Credential=é/b/c/d/e, Signature=c, SignedHeaders=d", "printable ASCII"),
        ("AWS4-HMAC-SHA256 Credential=a\tb/c/d/e/f, Signature=c, SignedHeaders=d", "printable ASCII"),
        ("AWS4-HMAC-SHA256 Credential=" + "a" * 100_000, "at most 2048 characters"),
    ],
    ids=range(9),
)
def test_a_signature_that_can_not_be_read(shown: str, said: str) -> None:
    found = refusal(with_header(post(), "Authorization", shown))
    assert (found.code, found.status) == ("IncompleteSignatureException", 400)
    assert said in found.message


@pytest.mark.parametrize("date", ["20261301T000000Z", "20260101T000000", "Thu, 01 Jan 2026 00:00:00 GMT", "", "٢" * 8])
def test_a_date_that_can_not_be_read(date: str) -> None:
    found = refusal(with_header(post(), "X-Amz-Date", date), now=0.0)
    assert found.code == "IncompleteSignatureException"
    assert found.message.startswith("Date must be in ISO-8601 'basic format'.")


def test_a_date_is_needed() -> None:
    found = refusal(with_header(post(), "X-Amz-Date", None), now=0.0)
    assert found.message == "Authorization header requires existence of an 'X-Amz-Date' header."


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("x-amz-date", "'Host' must be a 'SignedHeader'"),
        ("content-type;host", "'X-Amz-Date' must be a 'SignedHeader'"),
        ("x-amz-date;host", "must be sorted"),
        ("host;host;x-amz-date", "must be sorted, and name each header once"),
        ("Host;x-amz-date", "'Host' must be"),
        ("host;none;x-amz-date", "The header 'none' was signed and did not arrive"),
    ],
)
def test_which_headers_are_signed(names: str, said: str) -> None:
    request = post()
    shown = request.by_name["authorization"][0].replace("content-type;host;x-amz-date", names)
    assert said in refusal(with_header(request, "Authorization", shown)).message


def test_a_signed_header_is_ascii() -> None:
    request = signed(KEY_ID, SECRET, headers={"X-Amz-Name": "é"})
    assert refusal(request).message == "The header 'x-amz-name' was signed and has characters beyond ASCII."


@pytest.mark.parametrize("value", ["", "0" * 63, "0" * 65, "z" * 64, "A" * 64, "é" * 64])
def test_a_signature_has_64_hex_digits(value: str) -> None:
    request = post()
    before = read_signature(request).value
    shown = request.by_name["authorization"][0]
    refusal(with_header(request, "Authorization", shown.replace(before, value)))
    refusal(with_header(request, "Authorization", shown.replace(before, before.upper())))


@given(data=st.binary(max_size=400))
def test_anything_else_is_refused_and_never_fails(data: bytes) -> None:
    refusal(with_header(post(), "Authorization", data.decode("latin-1")))
    refusal(with_header(post(), "Authorization", "AWS4-HMAC-SHA256 " + data.decode("latin-1")))
