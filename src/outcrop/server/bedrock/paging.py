"""Lists in parts: a token says where the next part begins, and belongs to the filters that it was made with."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from outcrop.catalog.protocol import Catalog
from outcrop.domain.deployments import DeploymentKind, DeploymentPage, DeploymentQuery, DeploymentStatus
from outcrop.domain.jobs import Job, JobKind, JobPage, JobQuery, Status
from outcrop.server.errors import WireError

#: How many entries a part has where the request doesn't say.
USUAL = 100

_NOT_FILTERS = {"nextToken", "maxResults"}

Item = TypeVar("Item")


def job_query(kind: JobKind | None, given: Mapping[str, Any], statuses: Sequence[Status]) -> JobQuery:
    """What a List operation of jobs asks for.

    Args:
        kind: Which jobs; all where None.
        given: The operation's members, read.
        statuses: Those that the wire's ``statusEquals`` stands for; empty for all.

    Raises:
        WireError: ValidationException, for a token that was not made with these filters.
    """
    return JobQuery(kind, tuple(statuses), **_asked_for(given))


def deployment_query(
    kind: DeploymentKind, given: Mapping[str, Any], statuses: Sequence[DeploymentStatus], model: str
) -> DeploymentQuery:
    """What a List operation of deployments asks for.

    Args:
        kind: Which deployments.
        given: The operation's members, read.
        statuses: Those that the wire's ``statusEquals`` stands for; empty for all.
        model: The name of the model that they serve; any where "".

    Raises:
        WireError: As ``job_query``.
    """
    return DeploymentQuery(kind, tuple(statuses), model, **_asked_for(given))


def page_of(catalog: Catalog, query: JobQuery, wanted: Callable[[Job], bool]) -> JobPage:
    """A part of those jobs of a query that are wanted."""
    found: list[Job] = []
    while True:
        page = catalog.page(replace(query, limit=query.limit - len(found)))
        found += filter(wanted, page.jobs)
        if page.next is None or len(found) == query.limit:
            return JobPage(tuple(found), page.next)
        query = replace(query, after=page.next)


def next_token(given: Mapping[str, Any], page: JobPage | DeploymentPage) -> str | None:
    """The token of the part after this one; None after the last."""
    return None if page.next is None else _token(given, page.next)


def part(
    items: Sequence[Item], given: Mapping[str, Any], created: Callable[[Item], float], key: Callable[[Item], str]
) -> tuple[list[Item], str | None]:
    """The part of a short list that is asked for, by creation time, and the next one's token.

    Args:
        items: All of them.
        given: The operation's members, read: times, order, token and size are heeded here.
        created: When an item was made, in seconds since the epoch.
        key: What tells items apart that were made at one moment.

    Raises:
        WireError: As ``job_query``.
    """
    after, before = _seconds(given.get("creationTimeAfter")), _seconds(given.get("creationTimeBefore"))
    newest_first = given.get("sortOrder", "Descending") == "Descending"
    places = sorted(((created(item), key(item)), place) for place, item in enumerate(items))
    if newest_first:
        places.reverse()
    begin = _begin(given, str)
    wanted = [
        (here, place)
        for here, place in places
        if (after is None or here[0] >= after)
        and (before is None or here[0] <= before)
        and (begin is None or (here < begin if newest_first else here > begin))
    ]
    limit = given.get("maxResults", USUAL)
    token = _token(given, wanted[limit - 1][0]) if len(wanted) > limit else None
    return [items[place] for _, place in wanted[:limit]], token


def _asked_for(given: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a ``PageQuery``; the service model has two names for each of the times."""
    return {
        "name_contains": given.get("nameContains", ""),
        "created_after": _seconds(given.get("creationTimeAfter", given.get("createdAfter"))),
        "created_before": _seconds(given.get("creationTimeBefore", given.get("createdBefore"))),
        "newest_first": given.get("sortOrder", "Descending") == "Descending",
        "after": _begin(given, int),
        "limit": given.get("maxResults", USUAL),
    }


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _filters(given: Mapping[str, Any]) -> str:
    kept = {name: str(value) for name, value in sorted(given.items()) if name not in _NOT_FILTERS}
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()[:16]


def _token(given: Mapping[str, Any], place: tuple[float, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([_filters(given), *place]).encode()).decode()


def _begin(given: Mapping[str, Any], kind: type) -> Any:
    """Where the part begins, by its token, whose key is of a kind; None for the first."""
    token = given.get("nextToken")
    if token is None:
        return None
    try:
        filters, created, key = json.loads(base64.urlsafe_b64decode(token.encode()))
        # A number beyond what a database holds was given out by nobody.
        held = kind is not int or 0 <= key < 2**63
        sound = filters == _filters(given) and isinstance(created, float) and type(key) is kind and held
    except (ValueError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise WireError("ValidationException", "nextToken is none that was given out for these filters")
    return created, key
