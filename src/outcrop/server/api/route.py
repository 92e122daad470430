"""What a path of ours is: how it is asked, what answers it, and what it gives. Routing and OpenAPI read this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore, Event
from typing import Any

from starlette.responses import Response

from outcrop.server.bedrock.context import Context
from outcrop.server.counters import Counters

#: What the paths begin with.
PREFIX = "/outcrop/v1/"

JSON = "application/json"


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query.

    Attributes:
        name: As it is asked.
        about: What it is, in a sentence.
        kind: Its type; ``list[…]`` for one that may come several times.
        default: Its value where it is not given.
        required: Whether it must be given.
    """

    name: str
    about: str
    kind: Any
    default: Any = None
    required: bool = False

    @property
    def repeats(self) -> bool:
        """Whether it may come several times."""
        return getattr(self.kind, "__origin__", None) is list


@dataclass(frozen=True)
class Shared:
    """What all requests share.

    Attributes:
        counters: What the server did.
        routes: All paths.
        exporting: A place for each export that may be under way at once.
        following: A place for each client that may follow a loss at once.
        ending: Set when the server is to end: streams without an end of their own end then.
    """

    counters: Counters
    routes: Sequence[Route]
    exporting: BoundedSemaphore
    following: BoundedSemaphore
    ending: Event


@dataclass(frozen=True)
class Call:
    """A request to one of our paths, read.

    Attributes:
        context: The home, and ARNs in the caller's region.
        labels: What the path names.
        query: Every parameter of the route, with its default where it was not given.
        headers: By name in small letters.
        shared: What all requests share.
    """

    context: Context
    labels: Mapping[str, str]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    shared: Shared


@dataclass(frozen=True)
class Route:
    """One of our paths.

    Attributes:
        name: Of the operation, ``GetJob``.
        method: ``GET`` or ``POST``.
        address: The whole path, ``{label}`` for what a request fills in.
        answer: What answers it, in a thread of its own.
        about: What it is for.
        gives: What it gives: a type for each media type; None for one that is no JSON.
        parameters: Of its query.
        slow: Whether it may take seconds or minutes.
        open: Whether it needs no key.
    """

    name: str
    method: str
    address: str
    answer: Callable[[Call], Response]
    about: str
    gives: Mapping[str, Any]
    parameters: tuple[Parameter, ...] = ()
    slow: bool = False
    open: bool = False

    @property
    def path(self) -> tuple[str, ...]:
        """The path's parts."""
        return tuple(self.address.strip("/").split("/"))
