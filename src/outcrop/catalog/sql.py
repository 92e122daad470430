"""A catalog in an SQL database."""

from __future__ import annotations

import difflib
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from outcrop.catalog.pages import page_of
from outcrop.catalog.protocol import Catalog, Claim
from outcrop.catalog.rows import job_from_row, job_to_row, key_from_row, key_to_row
from outcrop.catalog.schema import cause, open_database
from outcrop.catalog.tables import aliases, jobs, keys, log, models, tags
from outcrop.domain.bedrock_ids import plain_id
from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import AlreadyExists, IllegalMove, LeaseLost, NotFound, StorageFailure, TooManyTags
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
from outcrop.domain.keys import Key
from outcrop.domain.models import Model


class SqlCatalog:
    """See ``Catalog``; ``clock`` returns seconds since the epoch, and is the database's where None."""

    def __init__(self, url: str, clock: Callable[[], float] | None = None) -> None:
        self._engine = open_database(url)
        self._clock = clock

    def check(self) -> None:
        """See ``Catalog.check``."""
        name = uuid.uuid4().hex
        with self._writing() as connection:
            connection.execute(sa.insert(models).values(name=name, document={}))
            connection.execute(sa.delete(models).where(models.c.name == name))

    def close(self) -> None:
        """See ``Catalog.close``."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise StorageFailure(f"the catalog can't be written ({cause(error)})") from error

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise StorageFailure(f"the catalog can't be read ({cause(error)})") from error

    def now(self) -> float:
        """See ``Catalog.now``."""
        with self._reading() as connection:
            return self._now(connection)

    def _now(self, connection: sa.Connection) -> float:
        if self._clock is not None:
            return self._clock()
        if connection.dialect.name == "sqlite":
            return time.time()
        # Not now(), which is when the transaction began: it may have waited for others since.
        return float(connection.execute(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))).scalar_one())

    def _lease(self, connection: sa.Connection, seconds: float) -> dict[str, float]:
        now = self._now(connection)
        return {"lease_until": now + seconds, "renewed": now}

    # jobs

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
            rows = connection.execute(page_of(query)).mappings().all()
        more = rows[query.limit - 1] if len(rows) > query.limit else None
        found = tuple(job_from_row({**row, "result": None, "checkpoint": None}) for row in rows[: query.limit])
        return JobPage(found, None if more is None else (more["created"], more["number"]))

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
            _insert_model(connection, model)
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

    # models

    def add_model(self, model: Model) -> None:
        """See ``Catalog.add_model``."""
        with self._writing() as connection:
            _insert_model(connection, model)

    def model(self, name: str) -> Model:
        """See ``Catalog.model``."""
        with self._reading() as connection:
            target = connection.execute(sa.select(aliases.c.model).where(aliases.c.alias == name)).scalar() or name
            document = _document(connection, target) or _document(connection, _alias_like(connection, name))
            if document is None:
                raise NotFound(f"there is no model named {name!r}{_closest(connection, name)}")
        return from_json(Model, document)

    def models(self) -> list[Model]:
        """See ``Catalog.models``."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(models.c.document).order_by(models.c.name)).scalars().all()
        return [from_json(Model, document) for document in rows]

    def remove_model(self, name: str) -> Model:
        """See ``Catalog.remove_model``."""
        with self._writing() as connection:
            document = connection.execute(sa.select(models.c.document).where(models.c.name == name)).scalar()
            if document is None:
                raise NotFound(f"there is no model named {name!r}{_closest(connection, name)}")
            above = connection.execute(sa.select(models.c.name).where(models.c.base == name)).scalars().all()
            if above:
                raise IllegalMove(f"custom models sit on {name!r}: {', '.join(above)}; remove them first")
            if busy := _jobs_that_use(connection, name):
                raise IllegalMove(f"jobs work with {name!r}: {', '.join(busy)}; wait for them or stop them first")
            connection.execute(sa.delete(aliases).where(aliases.c.model == name))
            connection.execute(sa.delete(models).where(models.c.name == name))
        return from_json(Model, document)

    def set_alias(self, alias: str, model: str) -> None:
        """See ``Catalog.set_alias``."""
        with self._writing() as connection:
            if connection.execute(sa.select(models.c.name).where(models.c.name == alias)).first():
                raise AlreadyExists(f"{alias!r} is the name of a model; an alias needs a name of its own")
            if not connection.execute(sa.select(models.c.name).where(models.c.name == model)).first():
                raise NotFound(f"there is no model named {model!r}{_closest(connection, model)}")
            connection.execute(sa.delete(aliases).where(aliases.c.alias == alias))
            connection.execute(sa.insert(aliases).values(alias=alias, model=model))

    def aliases(self) -> dict[str, str]:
        """See ``Catalog.aliases``."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(aliases).order_by(aliases.c.alias)).mappings().all()
        return {row["alias"]: row["model"] for row in rows}

    def remove_alias(self, alias: str) -> None:
        """See ``Catalog.remove_alias``."""
        with self._writing() as connection:
            if not connection.execute(sa.delete(aliases).where(aliases.c.alias == alias)).rowcount:
                raise NotFound(f"there is no alias named {alias!r}")

    # keys

    def add_key(self, key: Key) -> None:
        """See ``Catalog.add_key``."""
        with self._writing() as connection:
            if connection.execute(sa.select(keys.c.id).where(keys.c.id == key.id)).first():
                raise AlreadyExists(f"there is a key with the id {key.id!r} already")
            connection.execute(sa.insert(keys).values(key_to_row(key)))

    def key(self, key_id: str) -> Key:
        """See ``Catalog.key``."""
        with self._reading() as connection:
            return _key(connection, key_id)

    def keys(self) -> list[Key]:
        """See ``Catalog.keys``."""
        with self._reading() as connection:
            return [key_from_row(row) for row in connection.execute(sa.select(keys).order_by(keys.c.number)).mappings()]

    def revoke_key(self, key_id: str) -> Key:
        """See ``Catalog.revoke_key``."""
        with self._writing() as connection:
            holds = sa.and_(keys.c.id == key_id, keys.c.revoked.is_(None))
            connection.execute(sa.update(keys).where(holds).values(revoked=self._now(connection)))
            return _key(connection, key_id)

    # tags

    def tags(self, resource: str) -> dict[str, str]:
        """See ``Catalog.tags``."""
        query = sa.select(tags).where(tags.c.resource == resource).order_by(tags.c.key)
        with self._reading() as connection:
            return {row["key"]: row["value"] for row in connection.execute(query).mappings()}

    def set_tags(self, resource: str, given: Mapping[str, str], most: int) -> None:
        """See ``Catalog.set_tags``."""
        count = sa.select(sa.func.count()).where(tags.c.resource == resource)
        with self._writing() as connection:
            connection.execute(_tags_of(resource, given))
            if (total := int(connection.execute(count).scalar_one()) + len(given)) > most:
                raise TooManyTags(f"{resource} would have {total} tags, it can have {most}", resource)
            if given:
                rows = [{"resource": resource, "key": key, "value": value} for key, value in given.items()]
                connection.execute(sa.insert(tags), rows)

    def remove_tags(self, resource: str, keys: Collection[str] | None = None) -> None:
        """See ``Catalog.remove_tags``."""
        with self._writing() as connection:
            connection.execute(_tags_of(resource, keys))


def _tags_of(resource: str, keys: Collection[str] | None) -> sa.Delete:
    chosen = sa.delete(tags).where(tags.c.resource == resource)
    return chosen if keys is None else chosen.where(tags.c.key.in_(list(keys)))


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


def _key(connection: sa.Connection, key_id: str) -> Key:
    row = connection.execute(sa.select(keys).where(keys.c.id == key_id)).mappings().first()
    if row is None:
        raise NotFound(f"there is no key with the id {key_id!r}; `outcrop keys list` shows them all")
    return key_from_row(row)


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


def _jobs_that_use(connection: sa.Connection, model: str) -> list[str]:
    """Names of the jobs that have not ended and whose request names a model."""
    ended = [status.value for status in ENDED]
    rows = connection.execute(sa.select(jobs.c.name, jobs.c.request).where(jobs.c.status.not_in(ended)))
    return [row.name for row in rows if model == row.request.get("base") or model in row.request.get("models", ())]


def _insert_model(connection: sa.Connection, model: Model) -> None:
    taken = (
        sa.select(models.c.name)
        .where(models.c.name == model.name)
        .union(sa.select(aliases.c.alias).where(aliases.c.alias == model.name))
    )
    if connection.execute(taken).first():
        raise AlreadyExists(f"there is a model or alias named {model.name!r} already; give another name")
    if model.base and not connection.execute(sa.select(models.c.name).where(models.c.name == model.base)).first():
        raise NotFound(f"the base {model.base!r} of {model.name!r} is gone; add it again, then resume the job")
    connection.execute(sa.insert(models).values(name=model.name, base=model.base, document=to_json(model)))


def _document(connection: sa.Connection, name: str | None) -> Any:
    return connection.execute(sa.select(models.c.document).where(models.c.name == name)).scalar()


def _alias_like(connection: sa.Connection, name: str) -> str | None:
    """The model of the first alias that is the same id of Bedrock's, but for region, version and context."""
    wanted = plain_id(name)
    if wanted is None:
        return None
    rows = connection.execute(sa.select(aliases).order_by(aliases.c.alias)).mappings()
    return next((row["model"] for row in rows if plain_id(row["alias"]) == wanted), None)


def _closest(connection: sa.Connection, name: str) -> str:
    names = [
        *connection.execute(sa.select(models.c.name)).scalars(),
        *connection.execute(sa.select(aliases.c.alias)).scalars(),
    ]
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; `outcrop models list` shows what there is"


_: type[Catalog] = SqlCatalog
