"""Every error a user can meet.

OutcropError                    code                          exit
├── UserError                   ValidationException           2
│   ├── InvalidInput            ValidationException           2   carries every fault found, not the first
│   ├── NotFound                ResourceNotFoundException     2
│   ├── AlreadyExists           ConflictException             2
│   ├── IllegalMove             ConflictException             2
│   ├── NotSupported            ValidationException           2
│   ├── MissingExtra            ValidationException           2
│   ├── TooManyTags             TooManyTagsException          2   carries the resource
│   ├── OverBudget              ServiceQuotaExceededException 2
│   ├── Throttled               ThrottlingException           2
│   └── RemoteRefusal           ValidationException           2   carries the status of the server's answer
└── OurFault                    InternalServerException       1
    ├── LeaseLost               InternalServerException       1
    ├── JobFailed               InternalServerException       1
    ├── RemoteFailure           InternalServerException       1
    ├── ModelFailed             ModelErrorException           1
    └── StorageFailure          InternalServerException       1

A message says what was given, what was expected, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an input, and where.

    Attributes:
        where: The file, option or request field the fault is in.
        line: Line of the file, counted from 1; None where there are no lines.
        field: The field of the record (``messages[1].role``), or "" for the whole line.
        found: What was given, shortened.
        expected: What would have been right, or what to do.
    """

    where: str
    line: int | None
    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        field = f" {self.field}:" if self.field else ""
        return f"{place}:{field} found {self.found}; expected {self.expected}"


class OutcropError(Exception):
    """The root of the tree: a message for a person, a code for the wire, an exit code for the shell."""

    code = "InternalServerException"
    exit_code = 1


class UserError(OutcropError):
    """Something the user gave can't be used as it is."""

    code = "ValidationException"
    exit_code = 2


class InvalidInput(UserError):
    """An input with faults: all of them, or the first thousand and the count of all."""

    SHOWN = 20

    def __init__(self, faults: Sequence[Fault], total: int | None = None) -> None:
        self.faults = tuple(faults)
        self.total = len(self.faults) if total is None else total
        super().__init__(self._text())

    def _text(self) -> str:
        if self.total == 1:
            return str(self.faults[0])
        lines = [f"{self.total} faults:", *(f"  {fault}" for fault in self.faults[: self.SHOWN])]
        if self.total > self.SHOWN:
            lines.append(f"  … and {self.total - self.SHOWN} more; --json lists up to the first thousand")
        return "\n".join(lines)


class NotFound(UserError):
    """What was named does not exist."""

    code = "ResourceNotFoundException"


class AlreadyExists(UserError):
    """The name is taken."""

    code = "ConflictException"


class IllegalMove(UserError):
    """The job's status does not allow what was asked."""

    code = "ConflictException"


class NotSupported(UserError):
    """The model, format or machine can't do what was asked; the message says why."""


class MissingExtra(UserError):
    """An optional package is needed and not installed; the message has the command that installs it."""


class TooManyTags(UserError):
    """A resource would have more tags than it can have."""

    code = "TooManyTagsException"

    def __init__(self, message: str, resource: str) -> None:
        self.resource = resource
        super().__init__(message)


class OverBudget(UserError):
    """Asking a remote model once more could cost more than the budget; what was paid for is kept."""

    code = "ServiceQuotaExceededException"


class Throttled(UserError):
    """A model has as many requests as it takes, or there is no memory for it; asked again later, it may answer."""

    code = "ThrottlingException"


class RemoteRefusal(UserError):
    """The server of a remote model refuses a request, and would refuse it again; the message has what it said.

    Attributes:
        status: The status of the server's answer; 0 where there was none.
        prompt: The number of the prompt that was asked; None where none was.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        self.prompt: int | None = None
        super().__init__(message)


class OurFault(OutcropError):
    """The input was fine and the work still failed."""


class LeaseLost(OurFault):
    """The worker slept past its lease and another one has taken the job: it must stop and write nothing."""


class JobFailed(OurFault):
    """A job ended in failure; the message is the job's."""


class RemoteFailure(OurFault):
    """The server of a remote model failed each time, for as long as was waited."""


class ModelFailed(OurFault):
    """What computes a deployment's responses ended, or failed, in the middle of one; it is started again."""

    code = "ModelErrorException"


class StorageFailure(OurFault):
    """The store or the catalog could not be read or written."""
