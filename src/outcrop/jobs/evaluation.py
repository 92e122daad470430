"""Evaluation jobs: score models on datasets and compare them with the first."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from outcrop.data.columns import named_columns
from outcrop.data.formats import evaluation as evaluation_format
from outcrop.data.records import read
from outcrop.data.sampling import sampled_places
from outcrop.domain.codec import from_json, to_json
from outcrop.domain.jobs import Progress
from outcrop.domain.models import Model
from outcrop.domain.records import EvaluationRecord, Purpose
from outcrop.domain.requests import EvaluationPart, EvaluationRequest
from outcrop.domain.scores import Direction, EvaluatedModel, GroupGap, Report, Robustness
from outcrop.evaluation import scoring
from outcrop.evaluation.bias import group_gaps
from outcrop.evaluation.items import as_items, labels_of
from outcrop.evaluation.judges.judging import Quality
from outcrop.evaluation.kept_rows import FILE, keep_rows, to_bytes
from outcrop.evaluation.prompting import Prompter, shots
from outcrop.evaluation.scoring import Scored
from outcrop.evaluation.task_metrics import builtin_base, task_metrics, windows_for
from outcrop.evaluation.tasks import Read, task_type
from outcrop.jobs import robustness
from outcrop.jobs.answers import Answers, Asking, ask_all, brought
from outcrop.jobs.datasets import require_same_model, require_unchanged
from outcrop.jobs.evaluation_output import put_definitions, put_records
from outcrop.jobs.judging import Judged, Responses, judge
from outcrop.jobs.lease import Lease
from outcrop.jobs.robustness import Spoilt
from outcrop.metrics import named
from outcrop.metrics.protocol import Metric
from outcrop.reports.document import document
from outcrop.reports.html import render_html
from outcrop.reports.markdown import render_markdown
from outcrop.reports.texts import metric_label
from outcrop.reports.verdict import verdicts
from outcrop.services import Engines, Services
from outcrop.versions import machine, versions


def run(services: Services, lease: Lease) -> None:
    """Ask, score, compare and write the report for each dataset, and end the job.

    Raises:
        UserError: The data changed since the job was submitted.
        LeaseLost, StopAsked: See ``Lease.check``.
    """
    request = from_json(EvaluationRequest, lease.job.request)
    engines = services.engines()
    models = [_model(services, request, place) for place in range(len(request.models))]
    reports = [_evaluated(services, lease, engines, request, models, part) for part in range(len(request.parts))]
    if request.output is not None and request.judging is not None:
        put_definitions(services, lease, request.output, request.judging)
    lease.finish({"reports": [to_json(report) for report in reports]})
    lease.log("done")


def _model(services: Services, request: EvaluationRequest, place: int) -> Model | None:
    """A model of the request; None for one whose responses came with the data."""
    identity = request.identities[place]
    return None if identity is None else require_same_model(services, request.models[place], identity)


@dataclass(frozen=True)
class _Dataset:
    """A dataset of the job with its records, labels and metrics."""

    part: EvaluationPart
    records: Sequence[EvaluationRecord]
    labels: tuple[str, ...]
    metrics: Sequence[Metric[Any]]
    asking: Asking

    @property
    def read(self) -> Read:
        return task_type(self.part.task).read

    @property
    def clusters(self) -> list[str] | None:
        """What dependent records share; a record without one stands alone. None where all stand alone."""
        if not any(record.cluster for record in self.records):
            return None
        return [record.cluster or f"line {record.line}" for record in self.records]


def _evaluated(
    services: Services,
    lease: Lease,
    engines: Engines,
    request: EvaluationRequest,
    models: Sequence[Model | None],
    number: int,
) -> Report:
    dataset = _dataset(services, engines, request, models, number)

    def asked(asking: Asking) -> dict[int, Answers]:
        found = ask_all(services, lease, engines, models, asking)
        return {place: one.priced(request.price_per_hour) for place, one in found.items()}

    written = asked(dataset.asking)
    answers = [written.get(place) or brought(dataset.records, name) for place, name in enumerate(request.models)]
    found, spoilt = _robustness(lease, engines, request, models, dataset, answers, asked)
    scored = _scored(lease, request, dataset, answers)
    for encoder in engines.encoders.values():
        if long := encoder.figures()["long_texts"]:
            lease.log(
                f"{encoder.name}: texts of over {encoder.context} tokens, read in windows that overlap: {long:.0f}"
            )
    computed_by = versions(services.settings.engine)
    report = replace(_report(lease, request, models, dataset, answers, scored, computed_by), robustness=found)
    folder = f"jobs/{lease.job.id}" if len(request.parts) == 1 else f"jobs/{lease.job.id}/{dataset.part.name}"
    ruled = Judged()
    if (judging := request.judging_of(dataset.part)) is not None:
        texts = [one.responses for one in scored]
        quality = _quality(dataset.metrics[0], scored)
        judged = Responses(number, dataset.records, request.models, models, texts, quality, dataset.clusters)
        ruled = judge(services, lease, engines, judging, judged, folder, request.seed)
        report = replace(report, judges=ruled.reports)
        report = replace(report, verdicts=verdicts(report))
    _keep(services, lease, folder, report, dataset, scored)
    if request.output is not None:
        said = [each.answers for each in answers]
        part, records = dataset.part, dataset.records
        names, sessions = request.identifiers, ruled.sessions
        put_records(
            services, lease, request.output, part, records, dataset.metrics, scored, said, names, spoilt, sessions
        )
    return report


def _dataset(
    services: Services, engines: Engines, request: EvaluationRequest, models: Sequence[Model | None], number: int
) -> _Dataset:
    part = request.parts[number]
    kind = task_type(part.task)
    columns = named_columns(part.columns)
    records = list(read(require_unchanged(services, part.data), Purpose.EVALUATION, columns))
    if part.limit is not None:
        rows = (evaluation_format.write(record) for record in records)
        records = [records[place] for place in sampled_places(rows, part.limit, request.seed)]
    labels = labels_of(records) if kind.read is Read.LABEL else ()
    examples = part.prompting.examples
    drawn: tuple[EvaluationRecord, ...] = ()
    if examples is not None:
        shown = list(read(require_unchanged(services, examples), Purpose.EVALUATION, columns))
        drawn = shots(shown, part.prompting.shots, request.seed)
    windows = windows_for([model for model in models if model is not None])
    metrics = task_metrics(
        kind,
        part.metrics,
        labels=labels,
        encoders=engines.encoder,
        classifiers=engines.classifier,
        windows=windows,
    )
    asking = Asking(str(number), records, Prompter(part.prompting, labels, drawn), part.generation, windows)
    return _Dataset(part, records, labels, metrics, asking)


def _robustness(
    lease: Lease,
    engines: Engines,
    request: EvaluationRequest,
    models: Sequence[Model | None],
    dataset: _Dataset,
    answers: Sequence[Answers],
    asked: Callable[[Asking], Mapping[int, Answers]],
) -> tuple[Robustness | None, dict[str, list[float]]]:
    """What perturbed prompts cost the models that can be asked, and of each record; None where none are to be asked."""
    perturbing = dataset.part.perturbing
    if perturbing is None:
        return None, {}
    spoilt, again = Spoilt.of(dataset.asking, perturbing), robustness.again(dataset.asking)
    perturbed, repeated = asked(spoilt.asking), {} if again is None else asked(again)
    both = [
        robustness.Asked(model.name, answers[place], perturbed[place], repeated.get(place))
        for place, model in enumerate(models)
        if model is not None
    ]
    kind = task_type(dataset.part.task)
    metric = named("exact_match") if dataset.read in (Read.LABEL, Read.CHOICE) else dataset.metrics[0]
    builtin = None if perturbing.builtin is False else builtin_base(kind, engines.encoder)

    def tell(done: int) -> None:
        lease.check()
        lease.progress(Progress("scoring perturbed prompts", done, len(dataset.records)))

    return robustness.report(
        kind,
        metric,
        builtin,
        spoilt,
        dataset.asking,
        both,
        perturbing,
        seed=request.seed,
        clusters=dataset.clusters,
        tell=tell,
    )


def _scored(lease: Lease, request: EvaluationRequest, dataset: _Dataset, answers: Sequence[Answers]) -> list[Scored]:
    total = len(dataset.records) * len(dataset.metrics)
    made = []
    for name, each in zip(request.models, answers, strict=True):

        def tell(done: int, phase: str = f"scoring {name}") -> None:
            lease.check()
            lease.progress(Progress(phase, done, total))

        items = as_items(dataset.read, dataset.records, each.answers, dataset.labels)
        texts = [answer.text for answer in each.answers]
        made.append(scoring.score_items(name, items, texts, dataset.metrics, tell))
    return made


def _quality(primary: Metric[Any], scored: Sequence[Scored]) -> Quality | None:
    """What the primary metric says of each response, larger being better; None where it says nothing of single ones."""
    values = [primary.per_record(one.rows[primary.name]) for one in scored]
    if primary.direction is Direction.NONE or any(column is None for column in values):
        return None
    sign = -1 if primary.direction is Direction.LOWER else 1
    return Quality(metric_label(primary.name), [sign * column for column in values if column is not None])


def _report(
    lease: Lease,
    request: EvaluationRequest,
    models: Sequence[Model | None],
    dataset: _Dataset,
    answers: Sequence[Answers],
    scored: Sequence[Scored],
    computed_by: dict[str, str],
) -> Report:
    part, records, metrics, seed = dataset.part, dataset.records, dataset.metrics, request.seed
    primary, clusters = metrics[0], dataset.clusters
    found = [scoring.moved(scored[0], candidate, primary, records) for candidate in scored[1:]]
    categories = [record.category for record in records]
    scores = [score for one in scored for score in scoring.scores(one, metrics, seed=seed, clusters=clusters)]
    report = Report(
        job=lease.job.id,
        name=lease.job.name,
        created=time.time(),
        task=part.task,
        data_uri=part.data.path,
        data_hash=part.data.hash,
        n_records=len(records),
        primary=primary.name,
        models=tuple(
            _evaluated_model(name, model, each, part)
            for name, model, each in zip(request.models, models, answers, strict=True)
        ),
        scores=tuple(replace(one, signature=f"{one.signature}|{part.prompting.signature}") for one in scores),
        comparisons=tuple(scoring.comparisons(scored, metrics, seed=seed, clusters=clusters)),
        groups=tuple(scoring.groups(scored, primary, categories, seed=seed, clusters=clusters)),
        moved=tuple(moved for moved in found if moved is not None),
        verdicts=(),
        generation=to_json(part.generation),
        versions=computed_by,
        machine=machine(),
        # Only where it says something, so that jobs from before there were columns can be compared.
        prompting=to_json(part.prompting) | ({"columns": part.columns} if part.columns else {}),
        dataset=part.name,
        gaps=tuple(_gaps(scored, dataset, seed)),
    )
    return replace(report, verdicts=verdicts(report))


def _gaps(scored: Sequence[Scored], dataset: _Dataset, seed: int) -> Iterator[GroupGap]:
    """How each category of each model fares beside the others."""
    metric, categories = dataset.metrics[0], [record.category for record in dataset.records]
    for one in scored:
        rows, clusters = one.rows[metric.name], dataset.clusters
        yield from group_gaps(metric, rows, categories, seed=seed, model=one.model, clusters=clusters)


def _evaluated_model(name: str, model: Model | None, answers: Answers, part: EvaluationPart) -> EvaluatedModel:
    if model is None:
        return EvaluatedModel(name, "stored responses", part.data.hash, "", part.data.path, None, answers.efficiency)
    lineage = model.lineage
    return EvaluatedModel(
        name=model.name,
        kind=model.kind.value,
        weights=model.identity.weights,
        template=model.identity.template,
        source=model.source,
        base=lineage.base if lineage else None,
        base_weights=lineage.base_identity.weights if lineage else None,
        efficiency=answers.efficiency,
        trained_on=lineage.data_uri if lineage else None,
        curve=lineage.curve if lineage else (),
    )


def _keep(
    services: Services, lease: Lease, folder: str, report: Report, dataset: _Dataset, scored: Sequence[Scored]
) -> None:
    lease.progress(Progress(phase="writing the report"))
    lease.hold()
    records = _per_record(dataset.records, dataset.metrics, scored)
    services.store.write(f"{folder}/records.jsonl", records)
    kept = keep_rows(
        report,
        dataset.records,
        dataset.metrics,
        scored,
        dataset.clusters,
        labels=dataset.labels,
        windows=dataset.asking.windows,
    )
    services.store.write(f"{folder}/{FILE}", to_bytes(kept))
    services.store.write(f"{folder}/report.json", json.dumps(document(report), ensure_ascii=False, indent=1).encode())
    services.store.write(f"{folder}/report.md", render_markdown(report).encode())
    services.store.write(f"{folder}/report.html", render_html(report).encode())


def _per_record(records: Sequence[EvaluationRecord], metrics: Sequence[Metric[Any]], scored: Sequence[Scored]) -> bytes:
    """One JSON line per record: what was asked, what each model wrote, and each metric's value; null is unscored."""
    values = {
        (one.model, metric.name): metric.per_record(one.rows[metric.name]) for one in scored for metric in metrics
    }
    lines = []
    for place, record in enumerate(records):
        by_model = {
            one.model: {
                "response": one.responses[place],
                "values": {
                    metric.name: _plain(column[place])
                    for metric in metrics
                    if (column := values[one.model, metric.name]) is not None
                },
            }
            for one in scored
        }
        lines.append(json.dumps({**to_json(record), "models": by_model}, ensure_ascii=False))
    return ("\n".join(lines) + "\n").encode()


def _plain(value: float) -> float | None:
    return None if value != value else float(value)
