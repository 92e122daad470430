"""All of our paths, in one table: requests are matched by it, queries read by it, and OpenAPI written from it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from outcrop.domain.exports import ExportForm
from outcrop.domain.jobs import JobKind, Status
from outcrop.evaluation.matrix import Matrix
from outcrop.server.api import (
    customization_jobs,
    evaluation_jobs,
    health,
    jobs,
    metrics,
    models,
    openapi,
    operations,
)
from outcrop.server.api.customization_jobs import Loss
from outcrop.server.api.evaluation_jobs import JobScores
from outcrop.server.api.health import Health
from outcrop.server.api.jobs import JobList, JobLog, OneJob
from outcrop.server.api.models import TAR
from outcrop.server.api.operations import BedrockOperations
from outcrop.server.api.route import JSON, PREFIX, Parameter, Route
from outcrop.server.bedrock.paging import USUAL
from outcrop.server.events import EVENTS

HTML = "text/html"

#: A line's number, as a database keeps it.
_NUMBER = Annotated[int, Field(ge=0, lt=2**31)]

_COMPARED = (
    Parameter("job", "evaluation jobs that are done, one or more", list[str], required=True),
    Parameter("baseline", "the model to compare the others with; the first job's first by default", str),
    Parameter("metric", "what to compare by, the first decides; what the jobs share by default", list[str], ()),
    Parameter("fail_if", "gates, such as rougeL drop > 0.01", list[str], ()),
    Parameter("detect", "a difference whose number of records is asked for", float),
    Parameter("seed", "of what is drawn in intervals, tests and ranks", Annotated[int, Field(ge=0, lt=2**32)], 0),
)
_LISTED = (
    Parameter("kind", "what the jobs do; all kinds by default", JobKind),
    Parameter("status", "where they are; anywhere by default", list[Status], ()),
    Parameter("nameContains", "a part of their names", str),
    Parameter("maxResults", "the most jobs of a part", Annotated[int, Field(ge=1, le=1000)], USUAL),
    Parameter("nextToken", "where the part before said that this one begins", str),
)

ROUTES = (
    Route(
        "GetEvaluationJobScores",
        "GET",
        f"{PREFIX}evaluation-jobs/{{job}}/scores",
        evaluation_jobs.get_scores,
        "Every score of an evaluation job with interval, records and signature, and every comparison with its verdict.",
        {JSON: JobScores},
    ),
    Route(
        "CompareEvaluationJobs",
        "GET",
        f"{PREFIX}evaluation-jobs/compare",
        evaluation_jobs.compare,
        "All models of several evaluation jobs on all their datasets, every later one against the first.",
        {JSON: Matrix},
        _COMPARED,
        slow=True,
    ),
    Route(
        "GetEvaluationJobReport",
        "GET",
        f"{PREFIX}evaluation-jobs/{{job}}/report",
        evaluation_jobs.get_report,
        "The report of an evaluation job as a page.",
        {HTML: None},
        (Parameter("dataset", "the dataset's name; the first by default", str),),
    ),
    Route(
        "GetCustomizationJobLoss",
        "GET",
        f"{PREFIX}customization-jobs/{{job}}/loss",
        customization_jobs.get_loss,
        "The loss of a customization job as server-sent events until it ends, or as one document with its diagnosis.",
        {EVENTS: None, JSON: Loss},
    ),
    Route(
        "ListJobs",
        "GET",
        f"{PREFIX}jobs",
        jobs.list_jobs,
        "Jobs of every kind, newest first, without what they left.",
        {JSON: JobList},
        _LISTED,
    ),
    Route(
        "GetJob",
        "GET",
        f"{PREFIX}jobs/{{job}}",
        jobs.get_job,
        "What was asked of a job, where it is, and what it left.",
        {JSON: OneJob},
    ),
    Route(
        "GetJobLog",
        "GET",
        f"{PREFIX}jobs/{{job}}/logs",
        jobs.get_log,
        "A job's log.",
        {JSON: JobLog},
        (Parameter("after", "the number of the last line that is known already", _NUMBER, 0),),
    ),
    Route(
        "StopJob",
        "POST",
        f"{PREFIX}jobs/{{job}}/stop",
        jobs.stop_job,
        "Ask a job to stop; it ends at the next step and keeps what is done.",
        {JSON: OneJob},
    ),
    Route(
        "ResumeJob",
        "POST",
        f"{PREFIX}jobs/{{job}}/resume",
        jobs.resume_job,
        "Go on with a stopped or failed job from where it was.",
        {JSON: OneJob},
        slow=True,
    ),
    Route(
        "ExportModel",
        "GET",
        f"{PREFIX}models/{{model}}/export",
        models.export_model,
        "A model's weights for other tools, with all they need beside them, as a tar archive.",
        {TAR: None},
        (
            Parameter("form", "what to export as; what the model is stored as by default", ExportForm),
            Parameter("type", "the number type, such as bf16 or q8_0; the form's first by default", str),
        ),
        slow=True,
    ),
    Route(
        "GetHealth",
        "GET",
        f"{PREFIX}health",
        health.get_health,
        "Whether the server answers; needs no key.",
        {JSON: Health},
        open=True,
    ),
    Route(
        "GetMetrics",
        "GET",
        f"{PREFIX}metrics",
        metrics.get_metrics,
        "Requests, times, jobs and uptime, in Prometheus's text format.",
        {metrics.TEXT: None},
    ),
    Route(
        "ListOperations",
        "GET",
        f"{PREFIX}operations",
        operations.list_operations,
        "The operations of Bedrock's control plane, and which are implemented.",
        {JSON: BedrockOperations},
    ),
    Route(
        "GetOpenApi",
        "GET",
        f"{PREFIX}openapi.json",
        openapi.get_openapi,
        "This description.",
        {JSON: dict[str, object]},
    ),
)
