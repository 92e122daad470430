"""An evaluation's records as the files that Bedrock leaves, where the request wants them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from outcrop.domain.records import EvaluationRecord
from outcrop.domain.requests import EvaluationPart
from outcrop.evaluation.bedrock_output import output_lines, output_path
from outcrop.evaluation.items import Answer
from outcrop.evaluation.judges.judged_responses import judged_responses
from outcrop.evaluation.judges.judging import Session
from outcrop.evaluation.scoring import Scored
from outcrop.jobs.lease import Lease
from outcrop.jobs.outputs import put_output
from outcrop.metrics.protocol import Metric
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
    sessions: Sequence[Session] = (),
) -> None:
    """Write a file for each model below ``output/JOB-NAME/JOB-ID``; earlier ones are replaced.

    ``sessions`` are what judges said of the models, in the order of ``scored``.

    Raises:
        StorageFailure: They can't be written.
    """
    for place, (one, own) in enumerate(zip(scored, answers, strict=True)):
        values = {
            metric.name: column.tolist()
            for metric in metrics
            if (column := metric.per_record(one.rows[metric.name])) is not None
        }
        said = [(answer.text or "", answer.stop_reason) for answer in own]
        by_judge = [judged_responses(session, place) for session in sessions]
        judged = [list(chain.from_iterable(each)) for each in zip(*by_judge, strict=True)]
        lines = output_lines(one.model, records, said, values, judged)
        with services.scratch() as scratch:
            file = scratch / "output.jsonl"
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            below = f"{lease.job.name}/{lease.job.id}"
            put_output(services, file, output, f"{below}/{output_path(one.model, part.task, part.name, lease.job.id)}")
