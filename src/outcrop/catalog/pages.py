"""A part of a list of jobs, as SQL: the database sorts and cuts, however many jobs there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from outcrop.catalog.tables import jobs
from outcrop.domain.jobs import JobKind, JobQuery

_LARGE = {"result", "checkpoint"}


def page_of(query: JobQuery) -> sa.Select[Any]:
    """The rows of a part and one more, which tells whether there is another part."""
    small = [column for column in jobs.c if column.name not in _LARGE]
    if query.kind is not None:
        return _cut(sa.select(*small).where(*_wanted(query, query.kind)), query)
    # The index that sorts begins with the kind: a part of each kind is found by it, and no other row is read.
    parts = [_cut(sa.select(jobs.c.number).where(*_wanted(query, kind)), query).subquery() for kind in JobKind]
    numbers = sa.union_all(*(sa.select(part.c.number) for part in parts))
    return _cut(sa.select(*small).where(jobs.c.number.in_(numbers)), query)


def _cut(rows: sa.Select[Any], query: JobQuery) -> sa.Select[Any]:
    created, number = jobs.c.created, jobs.c.number
    order = (created.desc(), number.desc()) if query.newest_first else (created, number)
    return rows.order_by(*order).limit(query.limit + 1)


def _wanted(query: JobQuery, kind: JobKind) -> Sequence[sa.ColumnElement[bool]]:
    created, number = jobs.c.created, jobs.c.number
    wanted: list[sa.ColumnElement[bool]] = [jobs.c.kind == kind.value]
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
    return wanted
