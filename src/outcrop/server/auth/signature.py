"""Signatures of version 4: what a request says about who signed it, and whether that is so.

The canonical request is the one that botocore's ``SigV4Auth`` makes, which escapes an escaped path a second time:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from outcrop.server.auth.refused import MISMATCH, incomplete, invalid
from outcrop.server.auth.request import Request

ALGORITHM = "AWS4-HMAC-SHA256"

#: Seconds that the clocks of a client and this server may differ.
SKEW = 300

#: What a region looks like; any that does will do.
REGION = re.compile(r"[a-z0-9-]{1,32}")

_TERMINATOR = "aws4_request"
_MOMENT = "%Y%m%dT%H%M%SZ"
_PARAMETERS = ("Credential", "Signature", "SignedHeaders")

#: botocore's own header is about 250 characters.
_LONGEST = 2048
_PRINTABLE = re.compile(r"[ -~]*")
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOMENT_SHAPE = re.compile(r"[0-9]{8}T[0-9]{6}Z")

#: Of these a request has one: it would not be clear which of two counts.
_SINGLE = ("authorization", "host", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token")


@dataclass(frozen=True)
class Signature:
    """What a request says about its signature; nothing of it is proved.

    Attributes:
        key_id: The access key that signed.
        date: The day for which the signing key was made, ``YYYYMMDD``.
        region: The region the request is meant for.
        service: The service the request is meant for.
        terminator: What ends the scope.
        moment: When it was signed: the header ``X-Amz-Date``.
        headers: Names of the headers that were signed, in small letters.
        value: The signature, in hex.
    """

    key_id: str
    date: str
    region: str
    service: str
    terminator: str
    moment: str
    headers: tuple[str, ...]
    value: str

    @property
    def scope(self) -> str:
        """What the signing key was made for."""
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"


def check_repeated(request: Request) -> None:
    """That a request has the headers that identify it once.

    Raises:
        Refused: One of them came twice.
    """
    for name in _SINGLE:
        count = len(request.by_name.get(name, ()))
        if count > 1:
            raise incomplete(f"The header '{name}' was given {count} times; once is needed.")


def read_signature(request: Request) -> Signature:
    """What a request says about its signature.

    Raises:
        Refused: A part is missing, or is not in its form.
    """
    values = request.by_name
    found = _parameters(values.get("authorization", [""])[0])
    lacking = [f"Authorization header requires '{name}' parameter." for name in _PARAMETERS if not found.get(name)]
    if "x-amz-date" not in values:
        lacking.append("Authorization header requires existence of an 'X-Amz-Date' header.")
    if lacking:
        raise incomplete(" ".join(lacking))
    credential = found["Credential"].split("/")
    if len(credential) != 5:
        raise incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{found['Credential']}'"
        )
    key_id, date, region, service, terminator = credential
    moment = values["x-amz-date"][0].strip()
    headers = tuple(found["SignedHeaders"].split(";"))
    return Signature(key_id, date, region, service, terminator, moment, headers, found["Signature"])


def check_scope(signature: Signature, services: Collection[str], now: float) -> None:
    """That a signature is meant for this server, and for now.

    Args:
        signature: What the request says.
        services: Names of services that this server answers for.
        now: Seconds since the epoch.

    Raises:
        Refused: The date is no date or more than ``SKEW`` seconds away, or the scope is another one.
    """
    signed_at = _seconds(signature.moment)
    if signed_at < now - SKEW:
        limit = f"{_text(now - SKEW)} ({_text(now)} - 5 min.)"
        raise invalid(f"Signature expired: {signature.moment} is now earlier than {limit}")
    if signed_at > now + SKEW:
        limit = f"{_text(now + SKEW)} ({_text(now)} + 5 min.)"
        raise invalid(f"Signature not yet current: {signature.moment} is still later than {limit}")
    wrong = []
    if not REGION.fullmatch(signature.region):
        wrong.append(f"Credential should be scoped to a valid region, not '{signature.region}'.")
    if signature.service not in services:
        named = " or ".join(f"'{service}'" for service in sorted(services))
        wrong.append(f"Credential should be scoped to correct service: {named}.")
    if signature.terminator != _TERMINATOR:
        wrong.append(
            f"Credential should be scoped with a valid terminator: '{_TERMINATOR}', not '{signature.terminator}'."
        )
    if signature.date != signature.moment[:8]:
        wrong.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signature.date}' != '{signature.moment[:8]}', from '{signature.moment}'."
        )
    if wrong:
        raise invalid(" ".join(wrong))


def check_signature(request: Request, signature: Signature, secret: str) -> None:
    """That the request, as it came, was signed with a secret.

    Raises:
        Refused: It was not; a header that has to be signed is not; or the body is not signed.
    """
    _check_headers(request, signature.headers)
    canonical = _canonical_request(request, signature.headers, _payload_digest(request))
    text = "\n".join((ALGORITHM, signature.moment, signature.scope, _sha256(canonical.encode())))
    key = _signing_key(secret, signature.date, signature.region, signature.service)
    expected = hmac.digest(key, text.encode(), "sha256").hex()
    # Two texts are compared in constant time only if they are ASCII; anything else is no signature.
    if not _HEX_DIGEST.fullmatch(signature.value) or not hmac.compare_digest(expected, signature.value):
        raise invalid(MISMATCH)


def _parameters(authorization: str) -> dict[str, str]:
    """What follows the algorithm: ``Name=value`` with commas, spaces or both between."""
    if len(authorization) > _LONGEST or not _PRINTABLE.fullmatch(authorization):
        raise incomplete(f"Authorization header must have at most {_LONGEST} characters, all of printable ASCII.")
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise incomplete(f"Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now).")
    found: dict[str, str] = {}
    for pair in rest.replace(",", " ").split():
        name, equals, value = pair.partition("=")
        if not equals:
            raise incomplete(f"'{pair}' not a valid key=value pair (missing equal-sign) in Authorization header.")
        if name in found:
            raise incomplete(f"Authorization header has '{name}' parameter twice.")
        found[name] = value
    return found


def _seconds(moment: str) -> float:
    try:
        if not _MOMENT_SHAPE.fullmatch(moment):
            raise ValueError
        return datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{moment[:40]}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_MOMENT)


def _check_headers(request: Request, signed: tuple[str, ...]) -> None:
    if list(signed) != sorted(set(signed)):
        raise invalid("'SignedHeaders' must be sorted, and name each header once.")
    must = {"host"} | {name for name in request.by_name if name.startswith("x-amz-")}
    for name in sorted(must.difference(signed)):
        raise invalid(f"'{name.title()}' must be a 'SignedHeader' in the AWS Authorization.")
    for name in signed:
        if name not in request.by_name:
            raise invalid(f"The header '{name}' was signed and did not arrive; a proxy may have dropped it.")
        if not all(value.isascii() for value in request.by_name[name]):
            raise invalid(f"The header '{name}' was signed and has characters beyond ASCII.")


def _payload_digest(request: Request) -> str:
    digest = _sha256(request.body)
    said = request.by_name.get("x-amz-content-sha256", [digest])[0].strip()
    if not _HEX_DIGEST.fullmatch(said):
        raise invalid("'X-Amz-Content-Sha256' must be the SHA-256 of the body in hex; a body has to be signed.")
    if not hmac.compare_digest(said, digest):
        raise invalid("The provided 'x-amz-content-sha256' header does not match what was computed.")
    return digest


def _canonical_request(request: Request, signed: tuple[str, ...], digest: str) -> str:
    values = request.by_name
    headers = [f"{name}:{','.join(' '.join(value.split()) for value in values[name])}\n" for name in signed]
    parts = (
        request.method,
        # As it came. Signers first take out "//", "/./" and "/../", so a path that still has them is refused.
        quote(request.path.encode("latin-1"), safe="/~"),
        _canonical_query(request.query),
        "".join(headers),
        ";".join(signed),
        digest,
    )
    return "\n".join(parts)


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = (pair.partition("=") for pair in query.split("&"))
    escaped = sorted((_escaped(name), _escaped(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in escaped)


def _escaped(text: str) -> str:
    """A name or a value, with all but letters, digits and ``-_.~`` escaped; a plus sign stays what it is.

    Some read a plus sign as a space: it must be equal to neither ``%20`` nor ``%2B``.
    """
    return "+".join(quote(unquote_to_bytes(piece), safe="-_.~") for piece in text.encode("latin-1").split(b"+"))


@lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, _TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
