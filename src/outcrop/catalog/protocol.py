"""What a catalog promises."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from outcrop.domain.deployments import Deployment, DeploymentKind, DeploymentPage, DeploymentQuery
from outcrop.domain.jobs import Job, JobKind, JobPage, JobQuery, LogLine, Progress, Status, Worker
from outcrop.domain.keys import Key
from outcrop.domain.models import Model


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a job: every write it makes names the fence, and fails once another worker holds the job."""

    job: Job
    fence: int
    worker: Worker


class Catalog(Protocol):
    """Jobs, their logs, models, aliases, deployments and tags, the keys of the server's clients, and configurations.

    Promises: a job is held by one worker at a time; a write under a fence that is no longer the job's raises
    ``LeaseLost`` and changes nothing; statuses move only along the tables ``MOVES`` of ``domain.jobs`` and
    ``domain.deployments``; names are unique. Safe to use from many processes and threads at once. Leases are set and
    judged by one clock, whatever the machines' own say.
    """

    def now(self) -> float:
        """The catalog's clock: seconds since the epoch."""
        ...

    # jobs

    def add_job(self, job: Job) -> Job:
        """Add a queued job, unless one of its kind with its token is there; whichever is there then.

        Raises:
            AlreadyExists: Another job of that name is there.
        """
        ...

    def job(self, name: str) -> Job:
        """The job of that id or name.

        Raises:
            NotFound: There is none.
        """
        ...

    def jobs(self, statuses: Sequence[Status] | None = None) -> list[Job]:
        """All jobs, or those in some statuses, oldest first."""
        ...

    def job_asked_with(self, kind: JobKind, token: str) -> Job | None:
        """The job that a request with this token made; None where there is none, or the token is empty."""
        ...

    def page(self, query: JobQuery) -> JobPage:
        """A part of the jobs that a query finds, without their results and checkpoints, which may be large."""
        ...

    def count_jobs(self) -> Mapping[tuple[JobKind, Status], int]:
        """How many jobs of each kind are in each status; those that are none are left out."""
        ...

    def started(self, job_id: str, worker: Worker) -> None:
        """Note which process was started for a queued job."""
        ...

    def claim(self, job_id: str, worker: Worker, lease_seconds: float, slots: int) -> Claim | None:
        """Take a queued job; None while it is not its turn.

        It is its turn when fewer than ``slots`` jobs are held on the worker's host and no older queued job there waits.
        A job whose lease is over, or was set at a time that has not come yet, counts as neither.

        Raises:
            IllegalMove: The job is no longer queued: stopped, or another worker has it.
        """
        ...

    def renew(self, claim: Claim, lease_seconds: float, progress: Progress | None = None) -> Status:
        """Prolong the lease and write the progress; the job's status, so that the worker sees a wish to stop.

        Raises:
            LeaseLost: Another worker holds the job, or nobody should any more.
        """
        ...

    def commit_checkpoint(self, claim: Claim, checkpoint: dict[str, Any]) -> None:
        """Make a checkpoint the one to continue from.

        Raises:
            LeaseLost: As ``renew``.
        """
        ...

    def finish(self, claim: Claim, status: Status, *, result: dict[str, Any] | None = None, error: str = "") -> None:
        """End the job.

        Raises:
            LeaseLost: As ``renew``.
            IllegalMove: The status can't follow the present one.
        """
        ...

    def finish_with_model(self, claim: Claim, model: Model, result: dict[str, Any]) -> None:
        """End a job as done and add the model that it made or brought, both or neither.

        Raises:
            LeaseLost: As ``renew``.
            AlreadyExists: A model of that name is there.
            NotFound: The base that the model sits on is gone.
        """
        ...

    def requeue(self, job: Job, reason: str, *, restarts: int, grace_seconds: float = 0.0) -> Status | None:
        """Put back a job whose worker died, before or after it claimed the job.

        It becomes queued, for whoever called to start a worker within ``grace_seconds``; or failed, once it was put
        back ``restarts`` times; or stopped, if it was stopping. The status it has now; None, and nothing happens, if
        the job has moved on since ``job`` was read: another worker, a renewed lease, another status.
        """
        ...

    def stop(self, job_id: str) -> Status:
        """Ask a job to stop; a queued or waiting one stops at once. The status after that.

        Raises:
            NotFound: There is no such job.
            IllegalMove: It has ended already.
        """
        ...

    def resume(self, job_id: str, *, grace_seconds: float = 0.0) -> None:
        """Put a stopped or failed job back in the queue, for the caller to start a worker within ``grace_seconds``.

        Raises:
            NotFound: There is no such job.
            IllegalMove: It has not ended, or it is done.
        """
        ...

    def delete_job(self, job_id: str) -> None:
        """Forget a job that has ended, and its log.

        Raises:
            NotFound: There is no such job.
            IllegalMove: It has not ended.
        """
        ...

    def log(self, job_id: str, level: str, text: str) -> None:
        """Add a line to a job's log."""
        ...

    def log_lines(self, job_id: str, after: int = 0) -> list[LogLine]:
        """Lines of a job's log whose number is above ``after``."""
        ...

    # models

    def add_model(self, model: Model) -> None:
        """Add a model.

        Raises:
            AlreadyExists: A model or an alias of that name is there.
        """
        ...

    def model(self, name: str) -> Model:
        """The model of that name or alias.

        Of an alias that is one of Bedrock's ids, region, version and context are ignored where none is the very name.

        Raises:
            NotFound: There is none; the message names the closest one.
        """
        ...

    def models(self) -> list[Model]:
        """All models, by name."""
        ...

    def remove_model(self, name: str) -> Model:
        """Forget a model and its aliases; what it was.

        Raises:
            NotFound: There is no model of that name (an alias is not enough).
            IllegalMove: Adapters sit on it, deployments serve it or are to, or jobs that have not ended work with it;
                the message names them.
        """
        ...

    def set_alias(self, alias: str, model: str) -> None:
        """Give a model another name, or give the name to another model.

        Raises:
            NotFound: There is no such model.
            AlreadyExists: A model has that name.
        """
        ...

    def aliases(self) -> dict[str, str]:
        """All aliases and the models they name."""
        ...

    def remove_alias(self, alias: str) -> None:
        """Forget an alias.

        Raises:
            NotFound: There is none.
        """
        ...

    # deployments

    def add_deployment(self, deployment: Deployment) -> Deployment:
        """Add a deployment, unless one of its kind with its token is there; whichever is there then.

        Raises:
            AlreadyExists: Another deployment, of whatever kind, has that name.
            NotFound: There is no such model.
        """
        ...

    def deployment(self, name: str) -> Deployment:
        """The deployment of that id or name.

        Raises:
            NotFound: There is none.
        """
        ...

    def deployment_asked_with(self, kind: DeploymentKind, token: str) -> Deployment | None:
        """The deployment that a request with this token made; None where there is none, or the token is empty."""
        ...

    def deployments(self, query: DeploymentQuery) -> DeploymentPage:
        """A part of the deployments that a query finds."""
        ...

    def change_deployment(self, seen: Deployment, changed: Deployment) -> Deployment | None:
        """Put ``changed`` in the place of a deployment, provided that it still is as ``seen``.

        When it was changed is written as the catalog's clock says. What it is then; None, and nothing happens, if it
        is another one by now, or gone.

        Raises:
            IllegalMove: The status can't follow the one that was seen.
            AlreadyExists: Another deployment has the new name.
            NotFound: There is no model of the name that it is to serve.
        """
        ...

    def remove_deployment(self, name: str) -> Deployment:
        """Forget the deployment of that id or name, and its tags, both or neither; what it was.

        Raises:
            NotFound: There is none.
        """
        ...

    # configurations

    def configuration(self, name: str) -> dict[str, Any] | None:
        """A small document that is kept under a name, as plain JSON; None where there is none."""
        ...

    def set_configuration(self, name: str, document: dict[str, Any] | None) -> None:
        """Keep a document under a name, in the place of the one that was there; forget that one where None."""
        ...

    # tags

    def tags(self, resource: str) -> dict[str, str]:
        """The tags of a resource, by key; none for one that has none or is not there."""
        ...

    def set_tags(self, resource: str, tags: Mapping[str, str], most: int) -> None:
        """Give a resource tags; those of the same keys get new values.

        Raises:
            TooManyTags: It would have more than ``most``; it keeps those it has.
        """
        ...

    def remove_tags(self, resource: str, keys: Collection[str] | None = None) -> None:
        """Take tags away, those of some keys, or all; what is not there is passed over."""
        ...

    def check(self) -> None:
        """Write a row and take it back, in one transaction: nobody sees it, and nothing of it stays.

        Raises:
            StorageFailure: The catalog can't be written.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...

    # keys

    def add_key(self, key: Key) -> None:
        """Add a key.

        Raises:
            AlreadyExists: A key with that id is there.
        """
        ...

    def key(self, key_id: str) -> Key:
        """The key with that id, whether it still holds or not.

        Raises:
            NotFound: There is none.
        """
        ...

    def keys(self) -> list[Key]:
        """All keys, oldest first."""
        ...

    def revoke_key(self, key_id: str) -> Key:
        """Let a key hold no longer, for good; the key after that. One that was revoked already stays as it is.

        Raises:
            NotFound: There is no key with that id.
        """
        ...
