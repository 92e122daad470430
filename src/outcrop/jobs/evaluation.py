"""Evaluation jobs: score models on a dataset and compare them with the first."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from outcrop.data.records import read
from outcrop.domain.codec import from_json, to_json
from outcrop.domain.generation import Prompt
from outcrop.domain.jobs import Progress
from outcrop.domain.models import Model
from outcrop.domain.records import EvaluationRecord, Message, Purpose, Role
from outcrop.domain.requests import EvaluationRequest
from outcrop.domain.scores import EvaluatedModel, Report
from outcrop.evaluation import scoring
from outcrop.evaluation.scoring import Scored
from outcrop.jobs.datasets import require_same_model, require_unchanged
from outcrop.jobs.lease import Lease
from outcrop.jobs.responses import ResponseBook, StoredResponses
from outcrop.metrics import named
from outcrop.metrics.protocol import TextMetric
from outcrop.models.cost import model_size
from outcrop.models.device import choose_device
from outcrop.reports.document import document
from outcrop.reports.html import render_html
from outcrop.reports.markdown import render_markdown
from outcrop.reports.verdict import verdicts
from outcrop.roof import read_roof
from outcrop.services import Engines, Services
from outcrop.versions import machine, versions


def run(services: Services, lease: Lease) -> None:
    """Generate, score, compare, write the report, and end the job.

    Raises:
        UserError: The data changed since the job was submitted.
        LeaseLost, StopAsked: See ``Lease.check``.
    """
    request = from_json(EvaluationRequest, lease.job.request)
    records = list(read(require_unchanged(services, request.data), Purpose.EVALUATION))
    engines = services.engines()
    metrics = [named(name, engines.encoder) for name in request.metrics]
    evaluated = [
        _generated(services, lease, engines, request, records, number) for number in range(len(request.models))
    ]
    scored = _scored(lease, records, metrics, evaluated)
    for encoder in engines.encoders.values():
        if long := encoder.figures()["long_texts"]:
            lease.log(
                f"{encoder.name}: texts of over {encoder.context} tokens, read in windows that overlap: {long:.0f}"
            )
    report = _report(lease, request, records, metrics, evaluated, scored)
    _keep(services, lease, report, records, metrics, scored)
    lease.finish({"report": to_json(report)})
    lease.log("done")


@dataclass(frozen=True)
class _Generated:
    """A model with its responses and what they cost."""

    model: Model
    stored: StoredResponses
    efficiency: dict[str, float]


def _generated(
    services: Services,
    lease: Lease,
    engines: Engines,
    request: EvaluationRequest,
    records: Sequence[EvaluationRecord],
    number: int,
) -> _Generated:
    name = request.models[number]
    model = require_same_model(services, name, request.identities[number])
    lease.progress(Progress(f"loading {name}"))
    prompts = [Prompt(place, (Message(Role.USER, record.prompt),)) for place, record in enumerate(records)]
    book = ResponseBook(services.store, lease, number, name)
    stored = book.fill(engines.open(name), prompts, request.generation)
    lease.log(f"{name}: {len(records)} responses in {stored.seconds:.0f} s")
    return _Generated(model, stored, _efficiency(services, model, stored))


def _efficiency(services: Services, model: Model, stored: StoredResponses) -> dict[str, float]:
    """What the responses cost; computed from what is stored, so that a resumed job says the same."""
    written = sum(len(response.tokens) for response in stored.responses)
    prompt_tokens = sum(response.prompt_tokens for response in stored.responses)
    figures = {
        "prompt_tokens": float(prompt_tokens),
        "generated_tokens": float(written),
        "seconds": stored.seconds,
        "near_ties": float(sum(response.near_ties for response in stored.responses)),
        "cut_at_max_tokens": float(sum(response.stop_reason == "max_tokens" for response in stored.responses)),
    }
    if stored.seconds and written:
        figures["tokens_per_second"] = written / stored.seconds
    if model.engine == "transformers" and stored.seconds:
        base = model if model.base is None else services.catalog.model(model.base)
        size = model_size(services.store.get_folder(base.uri))
        context = (prompt_tokens + written) / max(len(stored.responses), 1)
        flop = size.forward_flop(prompt_tokens + written, written, context)
        roof = read_roof(services.settings.cache_folder, choose_device(services.settings.device))
        figures["roof_share"] = flop / stored.seconds / roof.flops
    return figures


def _scored(
    lease: Lease, records: Sequence[EvaluationRecord], metrics: Sequence[TextMetric], evaluated: Sequence[_Generated]
) -> list[Scored]:
    total = len(records) * len(metrics)
    made = []
    for entry in evaluated:
        name = entry.model.name

        def tell(done: int, phase: str = f"scoring {name}") -> None:
            lease.check()
            lease.progress(Progress(phase, done, total))

        responses = [response.text for response in entry.stored.responses]
        made.append(scoring.score_responses(name, records, responses, metrics, tell))
    return made


def _report(
    lease: Lease,
    request: EvaluationRequest,
    records: Sequence[EvaluationRecord],
    metrics: Sequence[TextMetric],
    evaluated: Sequence[_Generated],
    scored: Sequence[Scored],
) -> Report:
    primary = metrics[0]
    found = [scoring.moved(scored[0], candidate, primary, records) for candidate in scored[1:]]
    report = Report(
        job=lease.job.id,
        name=lease.job.name,
        created=time.time(),
        task=request.task,
        data_uri=request.data.path,
        data_hash=request.data.hash,
        n_records=len(records),
        primary=primary.name,
        models=tuple(_evaluated_model(entry) for entry in evaluated),
        scores=tuple(score for one in scored for score in scoring.scores(one, metrics, seed=request.seed)),
        comparisons=tuple(scoring.comparisons(scored, metrics, seed=request.seed)),
        groups=tuple(scoring.groups(scored, primary, [record.category for record in records], seed=request.seed)),
        moved=tuple(moved for moved in found if moved is not None),
        verdicts=(),
        generation=to_json(request.generation),
        versions=versions(),
        machine=machine(),
    )
    return replace(report, verdicts=verdicts(report))


def _evaluated_model(entry: _Generated) -> EvaluatedModel:
    model, lineage = entry.model, entry.model.lineage
    return EvaluatedModel(
        name=model.name,
        kind=model.kind.value,
        weights=model.identity.weights,
        template=model.identity.template,
        source=model.source,
        base=lineage.base if lineage else None,
        base_weights=lineage.base_identity.weights if lineage else None,
        efficiency=entry.efficiency,
        trained_on=lineage.data_uri if lineage else None,
        curve=lineage.curve if lineage else (),
    )


def _keep(
    services: Services,
    lease: Lease,
    report: Report,
    records: Sequence[EvaluationRecord],
    metrics: Sequence[TextMetric],
    scored: Sequence[Scored],
) -> None:
    lease.progress(Progress(phase="writing the report"))
    lease.hold()
    folder = f"jobs/{report.job}"
    services.store.write(f"{folder}/records.jsonl", _per_record(records, metrics, scored))
    services.store.write(f"{folder}/report.json", json.dumps(document(report), ensure_ascii=False, indent=1).encode())
    services.store.write(f"{folder}/report.md", render_markdown(report).encode())
    services.store.write(f"{folder}/report.html", render_html(report).encode())


def _per_record(records: Sequence[EvaluationRecord], metrics: Sequence[TextMetric], scored: Sequence[Scored]) -> bytes:
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
