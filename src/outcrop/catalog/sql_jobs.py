"""Jobs and their logs in an SQL database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from outcrop.catalog.database import Database
from outcrop.catalog.pages import following, jobs_of
from outcrop.catalog.protocol import Claim
from outcrop.catalog.rows import job_from_row, job_to_row
from outcrop.catalog.sql_models import insert_model
from outcrop.catalog.tables import jobs, log
from outcrop.domain.codec import to_json
from outcrop.domain.errors import AlreadyExists, IllegalMove, LeaseLost, NotFound
from outcrop.domain.jobs import (
    ENDED,
    HELD,
    MOVES,
    Job,
    JobKind,
    JobPage,
    JobQuery,
    LogLine,
    Progress,
    Status,
    Worker,
)
from outcrop.domain.models import Model


class SqlJobs(Database):
    """See ``Catalog``, what it says of jobs."""

    def add_job(self, job: Job) -> Job:
        """See ``Catalog.add_job``."""
        with self._writing() as connection:
            if (there := _asked_with(connection, job.kind, job.token)) is not None:
                return there
            if connection.execute(sa.select(jobs.c.id).where(jobs.c.name == job.name)).first():
                raise AlreadyExists(f"there is a job named {job.name!r} already; give another name")
            connection.execute(sa.insert(jobs).values(job_to_row(job)))
        return job

    def job_asked_with(self, kind: JobKind, token: str) -> Job | None:
        """See ``Catalog.job_asked_with``."""
        with self._reading() as connection:
            return _asked_with(connection, kind, token)

    def job(self, name: str) -> Job:
        """See ``Catalog.job``."""
        with self._reading() as connection:
            return _job(connection, name)

    def jobs(self, statuses: Sequence[Status] | None = None) -> list[Job]:
        """See ``Catalog.jobs``."""
        query = sa.select(jobs).order_by(jobs.c.number)
        if statuses is not None:
            query = query.where(jobs.c.status.in_([status.value for status in statuses]))
        with self._reading() as connection:
            return [job_from_row(row) for row in connection.execute(query).mappings()]

    def page(self, query: JobQuery) -> JobPage:
        """See ``Catalog.page``."""
        with self._reading() as connection:
            rows = connection.execute(jobs_of(query)).mappings().all()
        found = tuple(job_from_row({**row, "result": None, "checkpoint": None}) for row in rows[: query.limit])
        return JobPage(found, following(query, rows))

    def count_jobs(self) -> Mapping[tuple[JobKind, Status], int]:
        """See ``Catalog.count_jobs``."""
        query = sa.select(jobs.c.kind, jobs.c.status, sa.func.count()).group_by(jobs.c.kind, jobs.c.status)
        with self._reading() as connection:
            return {(JobKind(kind), Status(status)): count for kind, status, count in connection.execute(query)}

    def started(self, job_id: str, worker: Worker) -> None:
        """See ``Catalog.started``."""
        waits = sa.and_(jobs.c.id == job_id, jobs.c.status == Status.QUEUED.value)
        with self._writing() as connection:
            connection.execute(sa.update(jobs).where(waits).values(_held_by(worker)))

    def claim(self, job_id: str, worker: Worker, lease_seconds: float, slots: int) -> Claim | None:
        """See ``Catalog.claim``."""
        with self._writing() as connection:
            job = _job(connection, job_id)
            if job.status is not Status.QUEUED:
                raise IllegalMove(f"job {job.name} is {job.status.value}, no longer queued")
            values: dict[str, Any] = {**_held_by(worker), **self._lease(connection, lease_seconds)}
            if not self._is_its_turn(connection, job_id, worker.host, slots):
                # The lease of a queued job says that somebody waits for it, so that younger jobs let it go first.
                connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(values))
                return None
            started = job.started or values["renewed"]
            values |= {"status": Status.RUNNING.value, "fence": job.fence + 1, "started": started}
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(values))
            return Claim(_job(connection, job_id), job.fence + 1, worker)

    def _is_its_turn(self, connection: sa.Connection, job_id: str, host: str, slots: int) -> bool:
        now = self._now(connection)
        here = sa.and_(jobs.c.host == host, jobs.c.lease_until > now, jobs.c.renewed <= now)
        held = sa.select(sa.func.count()).where(here, jobs.c.status.in_([status.value for status in HELD]))
        number = sa.select(jobs.c.number).where(jobs.c.id == job_id).scalar_subquery()
        older = sa.select(sa.func.count()).where(here, jobs.c.status == Status.QUEUED.value, jobs.c.number < number)
        taken = int(connection.execute(held).scalar_one()) + int(connection.execute(older).scalar_one())
        return taken < slots

    def renew(self, claim: Claim, lease_seconds: float, progress: Progress | None = None) -> Status:
        """See ``Catalog.renew``."""
        with self._writing() as connection:
            job = _held(connection, claim)
            values: dict[str, Any] = {**self._lease(connection, lease_seconds)}
            if progress is not None:
                values["progress"] = to_json(progress)
            connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(values))
            return job.status

    def commit_checkpoint(self, claim: Claim, checkpoint: dict[str, Any]) -> None:
        """See ``Catalog.commit_checkpoint``."""
        with self._writing() as connection:
            job = _held(connection, claim)
            connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(checkpoint=checkpoint))

    def finish(self, claim: Claim, status: Status, *, result: dict[str, Any] | None = None, error: str = "") -> None:
        """See ``Catalog.finish``."""
        with self._writing() as connection:
            self._end(connection, _held(connection, claim), status, result, error)

    def finish_with_model(self, claim: Claim, model: Model, result: dict[str, Any]) -> None:
        """See ``Catalog.finish_with_model``."""
        with self._writing() as connection:
            job = _held(connection, claim)
            insert_model(connection, model)
            self._end(connection, job, Status.DONE, result, "")

    def _end(
        self, connection: sa.Connection, job: Job, status: Status, result: dict[str, Any] | None, error: str
    ) -> None:
        _check_move(job, status)
        ended = 0.0 if status is Status.QUEUED else self._now(connection)
        values = {"status": status.value, "result": result, "error": error, "lease_until": 0.0, "ended": ended}
        connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(values))

    def requeue(self, job: Job, reason: str, *, restarts: int, grace_seconds: float = 0.0) -> Status | None:
        """See ``Catalog.requeue``."""
        with self._writing() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job.id)).mappings().first()
            if row is None or _hold(job_from_row(row)) != _hold(job):
                return None
            if job.status is Status.STOPPING:
                self._end(connection, job, Status.STOPPED, None, "")
                return Status.STOPPED
            reasons = [*job.restarts, reason]
            if len(reasons) > restarts:
                error = f"its worker died {len(reasons)} times ({'; '.join(reasons)}); resume it once that is mended"
                self._end(connection, job, Status.FAILED, None, error)
                return Status.FAILED
            values = {"status": Status.QUEUED.value, "restarts": reasons, **self._lease(connection, grace_seconds)}
            connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(values))
            return Status.QUEUED

    def stop(self, job_id: str) -> Status:
        """See ``Catalog.stop``."""
        with self._writing() as connection:
            job = _job(connection, job_id)
            if job.status is Status.STOPPING:
                return job.status
            if job.status is Status.RUNNING:
                connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(status=Status.STOPPING.value))
                return Status.STOPPING
            self._end(connection, job, Status.STOPPED, None, "")
            return Status.STOPPED

    def resume(self, job_id: str, *, grace_seconds: float = 0.0) -> None:
        """See ``Catalog.resume``."""
        with self._writing() as connection:
            job = _job(connection, job_id)
            _check_move(job, Status.QUEUED, only_ended=True)
            values = {"status": Status.QUEUED.value, "error": "", "restarts": [], "ended": 0.0}
            values |= self._lease(connection, grace_seconds)
            connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(values))

    def delete_job(self, job_id: str) -> None:
        """See ``Catalog.delete_job``."""
        with self._writing() as connection:
            job = _job(connection, job_id)
            if job.status not in ENDED:
                raise IllegalMove(f"job {job.name} is {job.status.value}; stop it first")
            connection.execute(sa.delete(log).where(log.c.job == job.id))
            connection.execute(sa.delete(jobs).where(jobs.c.id == job.id))

    def log(self, job_id: str, level: str, text: str) -> None:
        """See ``Catalog.log``."""
        with self._writing() as connection:
            # PostgreSQL takes no NUL in a text.
            line = {"job": job_id, "time": self._now(connection), "level": level, "text": text.replace("\0", "\u2400")}
            connection.execute(sa.insert(log).values(line))

    def log_lines(self, job_id: str, after: int = 0) -> list[LogLine]:
        """See ``Catalog.log_lines``."""
        query = sa.select(log).where(log.c.job == job_id).order_by(log.c.entry).offset(after)
        with self._reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [LogLine(after + place, row["time"], row["level"], row["text"]) for place, row in enumerate(rows, 1)]

    def _lease(self, connection: sa.Connection, seconds: float) -> dict[str, float]:
        now = self._now(connection)
        return {"lease_until": now + seconds, "renewed": now}


def _asked_with(connection: sa.Connection, kind: JobKind, token: str) -> Job | None:
    if not token:
        return None
    query = sa.select(jobs).where(jobs.c.kind == kind.value, jobs.c.token == token)
    row = connection.execute(query).mappings().first()
    return None if row is None else job_from_row(row)


def _job(connection: sa.Connection, name: str) -> Job:
    query = sa.select(jobs).where(sa.or_(jobs.c.id == name, jobs.c.name == name)).order_by(jobs.c.id != name)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"there is no job with the id or name {name!r}; `outcrop jobs list` shows them all")
    return job_from_row(row)


def _held(connection: sa.Connection, claim: Claim) -> Job:
    """The job as it is now, provided that the claim still holds it."""
    query = sa.select(jobs).where(jobs.c.id == claim.job.id)
    row = connection.execute(query).mappings().first()
    job = None if row is None else job_from_row(row)
    if job is None or job.fence != claim.fence or job.status not in HELD:
        state = "is gone" if job is None else f"is {job.status.value} under fence {job.fence}"
        raise LeaseLost(f"job {claim.job.name} {state}, not under this worker's fence {claim.fence}")
    return job


def _hold(job: Job) -> tuple[Status, int, Worker | None, float]:
    """What changes whenever a job moves on or its worker shows a sign of life."""
    return job.status, job.fence, job.worker, job.lease_until


def _held_by(worker: Worker) -> dict[str, Any]:
    return {"host": worker.host, "pid": worker.pid, "pid_started": worker.started}


def _check_move(job: Job, status: Status, *, only_ended: bool = False) -> None:
    if status not in MOVES[job.status] or (only_ended and job.status not in ENDED):
        raise IllegalMove(f"job {job.name} is {job.status.value} and can't become {status.value}")
