"""The formats a dataset can be in: one file, one format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from outcrop.data.formats import (
    alpaca,
    bedrock_conversation,
    evaluation,
    input,
    messages,
    openai_messages,
    prompt_completion,
    sharegpt,
    text,
)
from outcrop.domain.errors import Fault
from outcrop.domain.faults import shown
from outcrop.domain.records import Purpose, Record


class Format(Protocol):
    """What a module of this package has.

    Promises: ``looks_like`` and ``parse`` take any JSON object and raise nothing; ``parse`` reports every fault of a
    record, not the first; what ``write`` made, ``parse`` reads as the same record.
    """

    @property
    def NAME(self) -> str:
        """The name it is reported under."""
        ...

    @property
    def DESCRIPTION(self) -> str:
        """A line of it, as a fault shows it."""
        ...

    @property
    def SHAPE(self) -> dict[str, Any]:
        """Its fields and their types: ``str``, ``int``, a list of one type, or fields of their own."""
        ...

    def looks_like(self, value: dict[str, object], /) -> bool:
        """Whether a record is meant to be in this format, right or wrong."""
        ...

    def parse(self, value: dict[str, object], /, line: int, where: str) -> Record | list[Fault]:
        """The record of one line, or every fault in it."""
        ...

    def write(self, record: Record, /) -> dict[str, object]:
        """A record in this format.

        Raises:
            InvalidInput: The format can't express it; the fault says why, and the caller in which file.
        """
        ...


FORMATS: dict[Purpose, tuple[Format, ...]] = {
    Purpose.FINE_TUNING: (prompt_completion, messages, openai_messages, bedrock_conversation, alpaca, sharegpt),
    Purpose.PRE_TRAINING: (input, text),
    Purpose.EVALUATION: (evaluation,),
}

_KIND = {
    Purpose.FINE_TUNING: "a training file",
    Purpose.PRE_TRAINING: "a pre-training file",
    Purpose.EVALUATION: "an evaluation file",
}
_WAY_OUT = {
    Purpose.FINE_TUNING: 'write the response to learn as "completion", or give this file to an evaluation job',
    Purpose.PRE_TRAINING: 'write each text to learn as "text", or give this file to a job for what it is',
    Purpose.EVALUATION: 'write the right response as "referenceResponse", or give this file to a customization job',
}


def detect(value: dict[str, object], purpose: Purpose, line: int, where: str) -> tuple[Format, ...] | Fault:
    """The format of a file, decided by its first record.

    Returns:
        The format that ``purpose`` takes, as the first of those that the record could be in: messages without a system
        text say the same in two formats, and a later record decides. Or the one fault of a file that is for something
        else or in no known format.
    """
    found = tuple(candidate for candidate in FORMATS[purpose] if candidate.looks_like(value))
    if found:
        return found
    wanted = " or ".join(candidate.DESCRIPTION for candidate in FORMATS[purpose])
    for other in Purpose:
        for candidate in FORMATS[other]:
            if candidate.looks_like(value):
                kind = f"{_KIND[other]} (it is in the {candidate.NAME} format)"
                return Fault(where, line, "", kind, f"{_KIND[purpose]}, {wanted}: {_WAY_OUT[purpose]}")
    return Fault(where, line, "", f"a record in no known format ({_fields(value)})", wanted)


def narrowed(forms: tuple[Format, ...], value: dict[str, object]) -> tuple[Format, ...]:
    """Those of the formats a file may have that a further record could be in; all of them where it is in none."""
    return tuple(form for form in forms if form.looks_like(value)) or forms


def named(name: str) -> Format | None:
    """The format of that name, if there is one."""
    return next((form for form in _every() if name == form.NAME), None)


def parse(value: dict[str, object], form: Format, line: int, where: str) -> Record | list[Fault]:
    """A record of a file whose format is known, or its faults; a record in another format has that one fault."""
    if not form.looks_like(value):
        other = _name(value)
        if other is not None:
            expected = f"the {form.NAME} format, as in the first record: a file has one format"
            return [Fault(where, line, "", f"a record in the {other} format", expected)]
    return form.parse(value, line, where)


def _name(value: dict[str, object]) -> str | None:
    return next((candidate.NAME for candidate in _every() if candidate.looks_like(value)), None)


def _every() -> Iterator[Format]:
    return (candidate for candidates in FORMATS.values() for candidate in candidates)


def _fields(value: dict[str, object]) -> str:
    if not value:
        return "no fields"
    return "its fields: " + ", ".join(shown(name) for name in list(value)[:8]) + (", …" if len(value) > 8 else "")
