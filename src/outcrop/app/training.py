"""One training run, by the name of its job or of the custom model that it made."""

from __future__ import annotations

from outcrop.domain.codec import from_json
from outcrop.domain.errors import NotFound, NotSupported
from outcrop.domain.jobs import Job, JobKind, Status
from outcrop.domain.models import CurvePoint, Model
from outcrop.reports.training import TrainingRun
from outcrop.services import Services
from outcrop.trainers.diagnosis import diagnose


def training_run(services: Services, name: str) -> TrainingRun:
    """The curve of a customization job, live or ended, or of a custom model, and what it says.

    The curve of a job that runs or that stopped is the one of its last checkpoint, and only alarms are raised of it.

    Raises:
        NotFound: There is neither a job nor a model of that name.
        NotSupported: It is another kind of job, or a base model, which nobody trained here.
    """
    try:
        job = services.catalog.job(name)
    except NotFound:
        return _of_model(_model(services, name))
    if job.kind is not JobKind.CUSTOMIZATION:
        raise NotSupported(f"job {job.name} is an {job.kind.value} job, which has no curve; name a customization job")
    return _of_job(job)


def curve_so_far(job: Job) -> tuple[CurvePoint, ...]:
    """The curve that a customization job left; while it runs, or where it stopped, that of its last checkpoint."""
    left = job.result or job.checkpoint or {}
    return tuple(from_json(CurvePoint, point) for point in left.get("curve", []))


def _model(services: Services, name: str) -> Model:
    try:
        return services.catalog.model(name)
    except NotFound:
        raise NotFound(
            f"there is no job and no model named {name!r}; see `outcrop jobs list` and `outcrop models list`"
        ) from None


def _of_job(job: Job) -> TrainingRun:
    request, curve = job.request, curve_so_far(job)
    done = max((point.step for point in curve), default=0)
    planned = _planned_steps(job)
    ended = job.status is Status.DONE
    return TrainingRun(
        name=request["model"],
        job=job.id,
        base=request["base"],
        method=request["method"],
        status=job.status.value,
        steps=max(planned or 0, done),
        data=f"{request['train']['path']} (sha256 {request['train']['hash'][:12]})",
        curve=curve,
        hyperparameters=request["hyperparameters"],
        diagnosis=diagnose(curve, request["hyperparameters"], steps=planned, ended=ended),
        figures=(job.result or {}).get("figures", {}),
    )


def _planned_steps(job: Job) -> int | None:
    """What the learning rate was planned for: more than the job took where it stopped early; None if it isn't known."""
    if job.status is Status.DONE:
        return (job.result or {}).get("steps")
    # 0 while the base is read, also when a job goes on from a checkpoint.
    return job.progress.total or None


def _of_model(model: Model) -> TrainingRun:
    lineage = model.lineage
    if lineage is None:
        raise NotSupported(f"{model.name} was not trained here, so it has no curve; name a custom model or its job")
    return TrainingRun(
        name=model.name,
        job=lineage.job,
        base=lineage.base,
        method=lineage.method.value,
        status=Status.DONE.value,
        steps=max((point.step for point in lineage.curve), default=0),
        data=f"{lineage.data_uri} (sha256 {lineage.data_hash[:12]})",
        curve=lineage.curve,
        hyperparameters=lineage.hyperparameters,
        diagnosis=diagnose(lineage.curve, lineage.hyperparameters),
        figures=lineage.figures,
        versions=lineage.versions,
    )
