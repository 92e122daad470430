"""Compare models across evaluation jobs: N models on M datasets, from the rows that the jobs kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from outcrop.domain.codec import from_json
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.jobs import Job, JobKind, Status
from outcrop.domain.requests import EvaluationRequest
from outcrop.evaluation.gate_grammar import parse_gates
from outcrop.evaluation.gates import check_gates, gate_faults
from outcrop.evaluation.joining import JobRows, joined
from outcrop.evaluation.kept_rows import FILE, from_bytes
from outcrop.evaluation.matrix import Matrix, matrix
from outcrop.reports.matrix import matrix_verdicts, regressions_first
from outcrop.services import Services


def compare_jobs(
    services: Services,
    names: Sequence[str],
    *,
    baseline: str | None = None,
    metrics: Sequence[str] = (),
    gates: Sequence[str] = (),
    detect: float | None = None,
    seed: int = 0,
) -> Matrix:
    """Every model of some evaluation jobs on every dataset of theirs; every later model against the first.

    Args:
        services: Where the jobs are.
        names: The jobs, by id or name.
        baseline: The model that the others are compared with; the first job's first where None.
        metrics: What to compare by, the first decides; what the jobs of a dataset share where empty.
        gates: Conditions under which a pipeline fails, as docs/reference/gates.md has them.
        detect: A difference whose number of records is asked for, in the unit of the metric.
        seed: Of what is drawn in intervals, tests and ranks.

    Raises:
        InvalidInput: There is no job, a job is given twice, is none that is done and has kept rows, or differs from
            another one in what has to be the same; or a gate, the metrics, the baseline or ``detect`` is wrong: all
            faults of each of these steps.
        NotFound: There is no such job.
        NotSupported: A newer version wrote the rows.
    """
    conditions = parse_gates(gates)
    if detect is not None and not 0 < detect < float("inf"):
        raise InvalidInput([Fault("compare", None, "detect", f"{detect:g}", "a difference above 0")])
    found = joined(_kept(services, names), metrics=metrics, baseline=baseline)
    by_dataset = {one.name: one.metrics for one in found.datasets}
    if faults := gate_faults(conditions, by_dataset, len(found.models)):
        raise InvalidInput(faults)
    made = matrix(found.models, found.datasets, seed=seed, detect=detect)
    made = replace(
        made,
        contrasts=regressions_first(made.contrasts),
        gates=check_gates(conditions, {one.name: one for one in made.datasets}, found.models[0]),
        notes=found.notes,
    )
    return replace(made, verdicts=matrix_verdicts(made))


def _kept(services: Services, names: Sequence[str]) -> list[JobRows]:
    """What the jobs kept, in the order in which they are named."""
    jobs = [services.catalog.job(name) for name in names]
    faults = [] if jobs else [Fault("compare", None, "jobs", "none", "one evaluation job or more")]
    kept: list[JobRows] = []
    for place, job in enumerate(jobs):
        if job.id in (before.id for before in jobs[:place]):
            faults.append(Fault(f"job {job.name}", None, "", "the job a second time", "each job once"))
        elif job.kind is not JobKind.EVALUATION or job.status is not Status.DONE:
            found = f"{job.kind.value}, {job.status.value}"
            faults.append(Fault(f"job {job.name}", None, "", found, "an evaluation job that is done"))
        elif rows := _read(services, job):
            kept.append(rows)
        else:
            expected = "the rows that evaluation jobs keep: this one is older than that; evaluate again"
            faults.append(Fault(f"job {job.name}", None, "", f"no {FILE}", expected))
    if faults:
        raise InvalidInput(faults)
    return kept


def _read(services: Services, job: Job) -> JobRows | None:
    """What a job kept of its datasets, in the order of its request; None where there is nothing."""
    keys = [entry.key for entry in services.store.entries(f"jobs/{job.id}/") if entry.key.endswith(f"/{FILE}")]
    kept = [from_bytes(services.store.read(key)) for key in keys]
    order = [part.name for part in from_json(EvaluationRequest, job.request).parts]
    return JobRows(job.name, tuple(sorted(kept, key=lambda one: order.index(one.of.dataset)))) if kept else None
