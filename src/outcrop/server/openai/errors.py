"""Errors as OpenAI's clients read them: each has its status there, which is a class of exceptions in their SDKs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from outcrop.domain.errors import InvalidInput
from outcrop.server.auth.refused import Refused
from outcrop.server.errors import told
from outcrop.server.openai.replies import reply

#: Where OpenAI has another status than Bedrock.
_STATUSES = {"ModelErrorException": 500, "ModelStreamErrorException": 500, "ServiceQuotaExceededException": 429}

#: Types that are not what the status says.
_TYPES = {"ServiceQuotaExceededException": "insufficient_quota", "ThrottlingException": "rate_limit_error"}

_CODES = {
    "ResourceNotFoundException": "model_not_found",
    "ServiceQuotaExceededException": "insufficient_quota",
    "ThrottlingException": "rate_limit_exceeded",
    "UnknownOperationException": "unknown_url",
}

_HOW_TO_SHOW_A_KEY = "a client's api_key is a bearer key, which `outcrop keys create --bearer` makes"


def refusal(error: Exception, name: str, headers: Mapping[str, str] | None = None) -> Response:
    """Any error as an answer; ``name`` says what was asked, for the log."""
    status, document = error_document(error, name)
    return reply(document, status, headers)


def error_document(error: Exception, name: str) -> tuple[int, dict[str, Any]]:
    """The status of any error, and what a client is told of it; ``name`` says what was asked, for the log."""
    wire = told(error, name)
    if isinstance(error, Refused):
        message = f"{wire.message.rstrip('.')}; {_HOW_TO_SHOW_A_KEY}"
        return 401, _document(message, "invalid_request_error", None, "invalid_api_key")
    status = _STATUSES.get(wire.code, wire.status)
    usual = "server_error" if status >= 500 else "invalid_request_error"
    kind, code = _TYPES.get(wire.code, usual), _CODES.get(wire.code)
    return status, _document(wire.message, kind, _member(error), code)


def _document(message: str, kind: str, member: str | None, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": member, "code": code}}


def _member(error: Exception) -> str | None:
    """The member of the body that is wrong, where it is one."""
    members = {fault.field for fault in error.faults} if isinstance(error, InvalidInput) else set()
    return (members.pop() or None) if len(members) == 1 else None
