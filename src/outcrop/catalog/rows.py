"""Jobs, deployments and keys to rows and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.deployments import Deployment, DeploymentKind, DeploymentStatus
from outcrop.domain.jobs import Job, JobKind, Progress, Status, Worker
from outcrop.domain.keys import Key, KeyKind

_PLAIN = (
    "id",
    "name",
    "request",
    "result",
    "error",
    "checkpoint",
    "fence",
    "lease_until",
    "renewed",
    "created",
    "started",
    "ended",
    "asked",
)

_OF_A_DEPLOYMENT = (
    "id",
    "name",
    "model",
    "wanted",
    "units",
    "created",
    "changed",
    "error",
    "updated_to",
    "description",
    "commitment",
    "asked",
)

_OF_A_KEY = ("id", "name", "sealed", "created", "expires", "revoked")


def job_to_row(job: Job) -> dict[str, Any]:
    """The columns of a job."""
    worker = job.worker
    return {
        **{name: getattr(job, name) for name in _PLAIN},
        "kind": job.kind.value,
        "status": job.status.value,
        "progress": to_json(job.progress),
        "restarts": list(job.restarts),
        "host": worker.host if worker else None,
        "pid": worker.pid if worker else None,
        "pid_started": worker.started if worker else None,
        "token": job.token or None,
    }


def job_from_row(row: Mapping[Any, Any]) -> Job:
    """The job that a row holds."""
    worker = None if row["host"] is None else Worker(row["host"], row["pid"], row["pid_started"])
    return Job(
        **{name: row[name] for name in _PLAIN},
        kind=JobKind(row["kind"]),
        status=Status(row["status"]),
        progress=from_json(Progress, row["progress"]),
        restarts=tuple(row["restarts"]),
        worker=worker,
        token=row["token"] or "",
    )


def deployment_to_row(deployment: Deployment) -> dict[str, Any]:
    """The columns of a deployment."""
    return {
        **{column: getattr(deployment, column) for column in _OF_A_DEPLOYMENT},
        "kind": deployment.kind.value,
        "status": deployment.status.value,
        "token": deployment.token or None,
    }


def deployment_from_row(row: Mapping[Any, Any]) -> Deployment:
    """The deployment that a row holds."""
    return Deployment(
        **{column: row[column] for column in _OF_A_DEPLOYMENT},
        kind=DeploymentKind(row["kind"]),
        status=DeploymentStatus(row["status"]),
        token=row["token"] or "",
    )


def key_to_row(key: Key) -> dict[str, Any]:
    """The columns of a key."""
    return {**{column: getattr(key, column) for column in _OF_A_KEY}, "kind": key.kind.value}


def key_from_row(row: Mapping[Any, Any]) -> Key:
    """The key that a row holds."""
    return Key(**{column: row[column] for column in _OF_A_KEY}, kind=KeyKind(row["kind"]))
