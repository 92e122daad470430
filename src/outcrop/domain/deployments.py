"""Deployments: models that are loaded to answer, their statuses, and the legal moves between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from outcrop.domain.errors import Fault
from outcrop.domain.paging import PageQuery

_NAME = re.compile(r"([0-9a-zA-Z][_-]?){1,63}")

_LONGEST_NAME = 63


class DeploymentKind(StrEnum):
    """How much a deployment answers at once."""

    #: As many requests at once as its model units allow.
    PROVISIONED = "provisioned-throughput"
    #: As many as the machine allows; of a custom model.
    ON_DEMAND = "on-demand"


class DeploymentStatus(StrEnum):
    """Where a deployment is in its life."""

    CREATING = "creating"
    READY = "ready"
    UPDATING = "updating"
    FAILED = "failed"


#: Every move a deployment may make; the catalog refuses all others. One in any status may be removed.
MOVES: dict[DeploymentStatus, frozenset[DeploymentStatus]] = {
    DeploymentStatus.CREATING: frozenset({DeploymentStatus.READY, DeploymentStatus.FAILED}),
    DeploymentStatus.READY: frozenset({DeploymentStatus.UPDATING}),
    # An update that came to nothing leaves what was there before, ready as it was.
    DeploymentStatus.UPDATING: frozenset({DeploymentStatus.READY}),
    DeploymentStatus.FAILED: frozenset(),
}

#: Statuses in which somebody has a model to load.
UNSETTLED = frozenset({DeploymentStatus.CREATING, DeploymentStatus.UPDATING})


@dataclass(frozen=True)
class Deployment:
    """A deployment as the catalog knows it.

    Attributes:
        id: Its id, unique for ever: twelve lower-case letters and digits.
        name: What a person calls it; unique among deployments of all kinds.
        kind: How much it answers at once.
        model: The name of the model that it serves, or is to serve once it is created.
        wanted: The model that it is to serve; ``model``, unless it is updating.
        units: Its model units; 0 for one on demand.
        status: Where it is.
        created: Seconds since the epoch.
        changed: When it was last changed, likewise.
        error: Why it failed, or why its last update did, in words; "" otherwise.
        updated_to: The model that the last update asked for, whatever came of it; "" before the first.
        description: What a person says of it.
        commitment: The term that was asked for, in the words of the wire; "" for none.
        asked: What the caller asked in the words of a wire, as plain JSON; None where it came by another door.
        token: The caller's word for this very request: asked again with it, the same deployment is meant. "" for none.
    """

    id: str
    name: str
    kind: DeploymentKind
    model: str
    wanted: str
    units: int
    status: DeploymentStatus
    created: float
    changed: float
    error: str = ""
    updated_to: str = ""
    description: str = ""
    commitment: str = ""
    asked: dict[str, Any] | None = None
    token: str = ""


@dataclass(frozen=True)
class DeploymentQuery(PageQuery):
    """Which deployments are looked for, and which part of them.

    Attributes:
        kind: Of which kind; any where None.
        statuses: Where they are; anywhere where empty.
        model: The name of the model that they serve; any where "".
    """

    kind: DeploymentKind | None = None
    statuses: tuple[DeploymentStatus, ...] = ()
    model: str = ""


@dataclass(frozen=True)
class DeploymentPage:
    """A part of what a query finds; ``next`` is where the following one begins, None after the last."""

    deployments: tuple[Deployment, ...]
    next: tuple[float, int] | None


def deployment_name_faults(where: str, name: str) -> list[Fault]:
    """What is wrong with the name of a deployment, by Bedrock's rule."""
    if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name):
        return []
    want = "1 to 63 letters and digits, each perhaps with one '-' or '_' after it"
    return [Fault(where, None, "name", repr(name)[:160], want)]
