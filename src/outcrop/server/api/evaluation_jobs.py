"""What AWS hides of evaluation jobs: the scores in one document, comparisons, the report."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from outcrop.app.compare import compare_jobs
from outcrop.app.evaluation import reports_of
from outcrop.domain.jobs import Job, JobKind
from outcrop.domain.scores import Comparison, JudgeReport, Report, Robustness, Score, Verdict
from outcrop.server.api.answers import document
from outcrop.server.api.route import Call
from outcrop.server.bedrock import arns
from outcrop.server.bedrock.jobs import find_job

#: The page needs nothing from anywhere, and runs nothing.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)


@dataclass(frozen=True)
class ScoredDataset:
    """What models did on one dataset; the fields are those of a report.

    Attributes:
        dataset, task, data_uri, data_hash, n_records: Which records, and as what they were asked.
        primary: The metric that the verdicts rest on.
        models: Names, the baseline first.
        scores: Every metric of every model, with its interval.
        comparisons: Every later model against the first, on all records.
        groups: The same for the primary metric, within each category.
        verdicts: One per later model, or one for a model alone.
        robustness: What perturbed prompts cost; None where none were asked.
        judges: What models said that judged the responses.
    """

    dataset: str
    task: str
    data_uri: str
    data_hash: str
    n_records: int
    primary: str
    models: tuple[str, ...]
    scores: tuple[Score, ...]
    comparisons: tuple[Comparison, ...]
    groups: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    robustness: Robustness | None
    judges: tuple[JudgeReport, ...]


@dataclass(frozen=True)
class JobScores:
    """The scores of an evaluation job: its id and name, and what models did on each dataset."""

    job: str
    name: str
    datasets: tuple[ScoredDataset, ...]


def get_scores(call: Call) -> Response:
    """Every score with its interval, and every comparison with its verdict."""
    job = _job(call, call.labels["job"])
    return document(JobScores(job.id, job.name, tuple(map(_scored, reports_of(job)))))


def compare(call: Call) -> Response:
    """The models of several jobs on all their datasets."""
    query = call.query
    jobs = [_job(call, name).id for name in query["job"]]
    found = compare_jobs(
        call.context.outcrop.services,
        jobs,
        baseline=query["baseline"],
        metrics=query["metric"],
        gates=query["fail_if"],
        detect=query["detect"],
        seed=query["seed"],
    )
    return document(found)


def get_report(call: Call) -> Response:
    """The page of one dataset."""
    page = call.context.outcrop.jobs.report_page(_job(call, call.labels["job"]).id, call.query["dataset"])
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Referrer-Policy": "no-referrer"}
    return Response(page, media_type="text/html", headers=headers)


def _job(call: Call, identifier: str) -> Job:
    return find_job(call.context, JobKind.EVALUATION, arns.EVALUATION_JOB, identifier)


def _scored(report: Report) -> ScoredDataset:
    return ScoredDataset(
        report.dataset,
        report.task,
        report.data_uri,
        report.data_hash,
        report.n_records,
        report.primary,
        tuple(model.name for model in report.models),
        report.scores,
        report.comparisons,
        report.groups,
        report.verdicts,
        report.robustness,
        report.judges,
    )
