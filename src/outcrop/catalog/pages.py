"""A part of a list, as SQL: the database sorts and cuts, however many entries there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from outcrop.catalog.tables import deployments, jobs
from outcrop.domain.deployments import DeploymentKind, DeploymentQuery
from outcrop.domain.jobs import JobKind, JobQuery
from outcrop.domain.paging import PageQuery

_LARGE = {"result", "checkpoint"}


def jobs_of(query: JobQuery) -> sa.Select[Any]:
    """The rows of a part and one more, which tells whether there is another part; without what is large in them."""
    small = [column for column in jobs.c if column.name not in _LARGE]
    kinds = list(JobKind) if query.kind is None else [query.kind]
    return _part(jobs, small, query, [[jobs.c.kind == kind.value, *_in_status(jobs, query.statuses)] for kind in kinds])


def deployments_of(query: DeploymentQuery) -> sa.Select[Any]:
    """The rows of a part of the deployments, as ``jobs_of``."""
    kinds = list(DeploymentKind) if query.kind is None else [query.kind]
    more = _in_status(deployments, query.statuses)
    if query.model:
        more.append(deployments.c.model == query.model)
    return _part(deployments, list(deployments.c), query, [[deployments.c.kind == kind.value, *more] for kind in kinds])


def following(query: PageQuery, rows: Sequence[sa.RowMapping]) -> tuple[float, int] | None:
    """Where the part after these rows begins; None after the last."""
    if len(rows) <= query.limit:
        return None
    last = rows[query.limit - 1]
    return last["created"], last["number"]


def _part(
    table: sa.Table,
    columns: Sequence[sa.Column[Any]],
    query: PageQuery,
    alternatives: Sequence[Sequence[sa.ColumnElement[bool]]],
) -> sa.Select[Any]:
    """Rows to which all conditions of one of the alternatives apply, each of which names the kind.

    The index that sorts begins with the kind: a part of each kind is found by it, and no other row is read.
    """
    wanted = [[*conditions, *_asked_for(table, query)] for conditions in alternatives]
    if len(wanted) == 1:
        return _cut(sa.select(*columns).where(*wanted[0]), table, query)
    parts = [_cut(sa.select(table.c.number).where(*conditions), table, query).subquery() for conditions in wanted]
    numbers = sa.union_all(*(sa.select(part.c.number) for part in parts))
    return _cut(sa.select(*columns).where(table.c.number.in_(numbers)), table, query)


def _cut(rows: sa.Select[Any], table: sa.Table, query: PageQuery) -> sa.Select[Any]:
    created, number = table.c.created, table.c.number
    order = (created.desc(), number.desc()) if query.newest_first else (created, number)
    return rows.order_by(*order).limit(query.limit + 1)


def _in_status(table: sa.Table, statuses: Sequence[Any]) -> list[sa.ColumnElement[bool]]:
    return [table.c.status.in_([status.value for status in statuses])] if statuses else []


def _asked_for(table: sa.Table, query: PageQuery) -> Iterator[sa.ColumnElement[bool]]:
    """What every list is narrowed by."""
    created, number = table.c.created, table.c.number
    if query.name_contains:
        yield table.c.name.icontains(query.name_contains, autoescape=True)
    if query.created_after is not None:
        yield created >= query.created_after
    if query.created_before is not None:
        yield created <= query.created_before
    if query.after is not None:
        here, last = sa.tuple_(created, number), sa.tuple_(*map(sa.literal, query.after))
        yield here < last if query.newest_first else here > last
