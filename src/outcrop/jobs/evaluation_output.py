"""An evaluation's records as the files that Bedrock leaves, where the request wants them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from outcrop.domain.judging import JudgeRequest
from outcrop.domain.records import EvaluationRecord
from outcrop.domain.requests import EvaluationPart, WrittenAs
from outcrop.evaluation.bedrock_output import definition_path, output_lines, output_path
from outcrop.evaluation.items import Answer
from outcrop.evaluation.judges.criteria import PREFIX
from outcrop.evaluation.judges.custom import definition
from outcrop.evaluation.judges.judged_responses import JudgedResponse, judged_responses
from outcrop.evaluation.judges.judging import Session
from outcrop.evaluation.scoring import Scored
from outcrop.jobs.lease import Lease
from outcrop.jobs.outputs import put_output
from outcrop.metrics.protocol import Metric
from outcrop.metrics.robustness.relative_delta import BUILTIN
from outcrop.services import Services


def put_records(
    services: Services,
    lease: Lease,
    output: str,
    part: EvaluationPart,
    records: Sequence[EvaluationRecord],
    metrics: Sequence[Metric[Any]],
    scored: Sequence[Scored],
    answers: Sequence[Sequence[Answer]],
    identifiers: Mapping[str, str],
    robustness: Mapping[str, Sequence[float]],
    sessions: Sequence[Session] = (),
) -> None:
    """Write a file for each model below ``output/JOB-NAME/JOB-ID``; earlier ones are replaced.

    Args:
        services: The home.
        lease: The job's.
        output: A folder, or an ``s3://`` address.
        part: The dataset, and what the file calls it.
        records: What was asked.
        metrics: By what the answers were scored.
        scored: What came of it, by model.
        answers: The same models' answers.
        identifiers: What the file calls models and judges, by our names.
        robustness: ``Builtin.Robustness`` of each record, by model; nothing where it was not asked for.
        sessions: What judges said of the models, in the order of ``scored``.

    Raises:
        StorageFailure: They can't be written.
    """
    for place, (one, own) in enumerate(zip(scored, answers, strict=True)):
        values = {
            metric.name: column.tolist()
            for metric in metrics
            if (column := metric.per_record(one.rows[metric.name])) is not None
        }
        if one.model in robustness:
            values[BUILTIN] = list(robustness[one.model])
        if part.written_as is not None:
            values = {name: values[name] for name in part.written_as.metrics if name in values}
        said = [(answer.text or "", answer.stop_reason) for answer in own]
        model = identifiers.get(one.model, one.model)
        judged = list(_judged(sessions, place, identifiers))
        lines = output_lines(model, records, said, values, judged)
        named = part.written_as or WrittenAs(part.name, part.task, ())
        path = output_path(model, named.task, named.dataset, lease.job.id)
        _put(services, lease, output, path, "".join(f"{line}\n" for line in lines))


def _judged(sessions: Sequence[Session], model: int, identifiers: Mapping[str, str]) -> Iterator[list[JudgedResponse]]:
    """What all judges said of a model, by its place: for each record; nothing where none judged."""
    for each in zip(*(judged_responses(session, model) for session in sessions), strict=True):
        found = [one for rulings in each for one in rulings]
        yield [replace(one, judge=identifiers.get(one.judge, one.judge)) for one in found]


def put_definitions(services: Services, lease: Lease, output: str, judging: JudgeRequest) -> None:
    """Write the criteria of one's own that judges went by, a file for each, beside the records.

    Raises:
        StorageFailure: They can't be written.
    """
    for criterion in judging.criteria:
        if not criterion.name.startswith(PREFIX):
            text = json.dumps(definition(criterion), ensure_ascii=False, indent=1)
            _put(services, lease, output, definition_path(criterion.name), text)


def _put(services: Services, lease: Lease, output: str, path: str, text: str) -> None:
    with services.scratch() as scratch:
        file = scratch / "output"
        file.write_text(text, encoding="utf-8")
        put_output(services, file, output, f"{lease.job.name}/{lease.job.id}/{path}")
