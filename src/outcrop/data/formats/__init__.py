"""The formats a dataset can be in: one file, one format."""

from __future__ import annotations

from typing import Protocol

from outcrop.data.faults import shown
from outcrop.data.formats import evaluation, input, messages, prompt_completion, text
from outcrop.domain.errors import Fault
from outcrop.domain.records import EvaluationRecord, Purpose, TextRecord, TrainingRecord

Record = TrainingRecord | TextRecord | EvaluationRecord


class Format(Protocol):
    """What a module of this package has.

    Promises: ``looks_like`` and ``parse`` take any JSON object and raise nothing; ``parse`` reports every fault of a
    record, not the first.
    """

    @property
    def NAME(self) -> str:
        """The name it is reported under."""
        ...

    @property
    def DESCRIPTION(self) -> str:
        """A line of it, as a fault shows it."""
        ...

    def looks_like(self, value: dict[str, object], /) -> bool:
        """Whether a record is meant to be in this format, right or wrong."""
        ...

    def parse(self, value: dict[str, object], /, line: int, where: str) -> Record | list[Fault]:
        """The record of one line, or every fault in it."""
        ...


FORMATS: dict[Purpose, tuple[Format, ...]] = {
    Purpose.FINE_TUNING: (prompt_completion, messages),
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


def detect(value: dict[str, object], purpose: Purpose, line: int, where: str) -> Format | Fault:
    """The format of a file, decided by its first record.

    Returns:
        A format that ``purpose`` takes, or the one fault of a file that is for something else or in no known format.
    """
    for candidate in FORMATS[purpose]:
        if candidate.looks_like(value):
            return candidate
    wanted = " or ".join(candidate.DESCRIPTION for candidate in FORMATS[purpose])
    for other in Purpose:
        for candidate in FORMATS[other]:
            if candidate.looks_like(value):
                found = f"{_KIND[other]} (it is in the {candidate.NAME} format)"
                return Fault(where, line, "", found, f"{_KIND[purpose]}, {wanted}: {_WAY_OUT[purpose]}")
    return Fault(where, line, "", f"a record in no known format ({_fields(value)})", wanted)


def parse(value: dict[str, object], form: Format, line: int, where: str) -> Record | list[Fault]:
    """A record of a file whose format is known, or its faults; a record in another format has that one fault."""
    if not form.looks_like(value):
        other = _name(value)
        if other is not None:
            expected = f"the {form.NAME} format, as in the first record: a file has one format"
            return [Fault(where, line, "", f"a record in the {other} format", expected)]
    return form.parse(value, line, where)


def _name(value: dict[str, object]) -> str | None:
    every = (candidate for candidates in FORMATS.values() for candidate in candidates)
    return next((candidate.NAME for candidate in every if candidate.looks_like(value)), None)


def _fields(value: dict[str, object]) -> str:
    if not value:
        return "no fields"
    return "its fields: " + ", ".join(shown(name) for name in list(value)[:8]) + (", …" if len(value) > 8 else "")
