"""Jobs: their statuses, the legal moves between them, and what is known of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from outcrop.domain.paging import PageQuery


class JobKind(StrEnum):
    """What a job does."""

    CUSTOMIZATION = "customization"
    EVALUATION = "evaluation"
    IMPORT = "import"
    INVOCATION = "invocation"


class Status(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


#: Every move a job may make; the catalog refuses all others.
MOVES: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.STOPPED, Status.FAILED}),
    # Straight to stopped goes a job whose budget is spent: nobody has to ask.
    Status.RUNNING: frozenset(
        {Status.QUEUED, Status.WAITING, Status.STOPPING, Status.STOPPED, Status.DONE, Status.FAILED}
    ),
    Status.WAITING: frozenset({Status.QUEUED, Status.STOPPED, Status.FAILED}),
    # A job that was asked to stop may end its last step and find itself done.
    Status.STOPPING: frozenset({Status.STOPPED, Status.DONE, Status.FAILED}),
    Status.DONE: frozenset(),
    Status.FAILED: frozenset({Status.QUEUED}),
    Status.STOPPED: frozenset({Status.QUEUED}),
}

#: Statuses in which nothing more happens by itself.
ENDED = frozenset({Status.DONE, Status.FAILED, Status.STOPPED})

#: Statuses in which a worker holds a lease.
HELD = frozenset({Status.RUNNING, Status.STOPPING})


@dataclass(frozen=True)
class Progress:
    """How far a job is: ``done`` of ``total`` units of the phase it is in.

    ``rate`` is in units of ``rate_unit`` per second, ``eta`` in seconds; ``figures`` hold what else is worth a look.
    """

    phase: str = ""
    done: int = 0
    total: int = 0
    rate: float = 0.0
    rate_unit: str = ""
    eta: float | None = None
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Worker:
    """A process that does a job's work, told apart from a later one with the same id by its start time."""

    host: str
    pid: int
    started: float


@dataclass(frozen=True)
class Job:
    """A job as the catalog knows it.

    Attributes:
        id: Its id, unique for ever.
        name: The name a person gave it, or that was made from its kind and id.
        kind: What it does.
        status: Where it is.
        request: What was asked, as plain JSON.
        result: What it left, as plain JSON; None until done.
        error: Why it failed, in words; "" otherwise.
        progress: How far it is.
        checkpoint: The last checkpoint that was committed, as plain JSON; None before the first.
        fence: How often it was claimed; every write of a worker names the fence it claimed with.
        worker: Who holds it, or who was started for it.
        lease_until: When the worker's lease ends, by the catalog's clock; 0 where nobody holds it.
        renewed: When the lease was last set, by the same clock: the last sign of life.
        restarts: Why it was started again by itself, one reason per restart.
        created, started, ended: Seconds since the epoch; 0 where not yet.
        asked: What the caller asked in the words of a wire, as plain JSON; None where it came by another door.
        token: The caller's word for this very request: asked again with it, the same job is meant. "" for none.
    """

    id: str
    name: str
    kind: JobKind
    status: Status
    request: dict[str, Any]
    result: dict[str, Any] | None = None
    error: str = ""
    progress: Progress = field(default_factory=Progress)
    checkpoint: dict[str, Any] | None = None
    fence: int = 0
    worker: Worker | None = None
    lease_until: float = 0.0
    renewed: float = 0.0
    restarts: tuple[str, ...] = ()
    created: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    asked: dict[str, Any] | None = None
    token: str = ""


@dataclass(frozen=True)
class JobQuery(PageQuery):
    """Which jobs are looked for, and which part of them.

    Attributes:
        kind: What they do; anything where None.
        statuses: Where they are; anywhere where empty.
    """

    kind: JobKind | None = None
    statuses: tuple[Status, ...] = ()


@dataclass(frozen=True)
class JobPage:
    """A part of what a query finds; ``next`` is where the following one begins, None after the last."""

    jobs: tuple[Job, ...]
    next: tuple[float, int] | None


@dataclass(frozen=True)
class LogLine:
    """One line of a job's log; ``number`` counts from 1 within the job."""

    number: int
    time: float
    level: str
    text: str
