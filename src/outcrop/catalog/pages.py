"""A part of a list of jobs, as SQL: the database sorts and cuts, however many jobs there are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from outcrop.catalog.tables import jobs
from outcrop.domain.jobs import JobQuery

_LARGE = {"result", "checkpoint"}


def page_of(query: JobQuery) -> sa.Select[Any]:
    """The rows of a part and one more, which tells whether there is another part."""
    created, number = jobs.c.created, jobs.c.number
    wanted = [] if query.kind is None else [jobs.c.kind == query.kind.value]
    if query.statuses:
        wanted.append(jobs.c.status.in_([status.value for status in query.statuses]))
    if query.name_contains:
        wanted.append(jobs.c.name.icontains(query.name_contains, autoescape=True))
    if query.created_after is not None:
        wanted.append(created >= query.created_after)
    if query.created_before is not None:
        wanted.append(created <= query.created_before)
    if query.after is not None:
        here, last = sa.tuple_(created, number), sa.tuple_(*map(sa.literal, query.after))
        wanted.append(here < last if query.newest_first else here > last)
    order = (created.desc(), number.desc()) if query.newest_first else (created, number)
    small = [column for column in jobs.c if column.name not in _LARGE]
    return sa.select(*small).where(*wanted).order_by(*order).limit(query.limit + 1)
