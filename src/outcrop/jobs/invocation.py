"""Invocation jobs: a model answers every record of JSON Lines files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from outcrop.data.invocation_records import InvocationRecord, invocation_records
from outcrop.domain.codec import from_json
from outcrop.domain.errors import OverBudget
from outcrop.domain.jobs import Progress
from outcrop.domain.requests import InvocationRequest
from outcrop.engines.protocol import Engine, PaidEngine
from outcrop.jobs.datasets import require_same_model, require_unchanged
from outcrop.jobs.invocation_answers import PortionAnswers
from outcrop.jobs.invocation_output import InvocationOutput, RecordCounts
from outcrop.jobs.lease import Lease, StopAsked
from outcrop.jobs.rate import Rate
from outcrop.services import Services

#: What is in memory at once, in records and in characters of their bodies. Only prompts of one portion share batches:
#: there are 16 where a batch has 128 rows, so that a last one that is not full costs little.
PORTION_RECORDS = 2048
PORTION_SIZE = 16 * 2**20


def run(services: Services, lease: Lease) -> None:
    """Answer the records, leave the answers where the request wants them, and end the job.

    A job that is stopped, or whose time or budget is over, leaves the answers that it has.

    Raises:
        NotFound: A file or the model is gone.
        UserError: One has changed since the job was submitted.
        LeaseLost, StopAsked, TimeIsUp: See ``Lease.check``.
        OverBudget, RemoteRefusal, RemoteFailure: See ``PaidEngine.generate_keeping``; the refusal of a single prompt is
            an answer, and not raised.
        StorageFailure: Answers can't be written.
    """
    request = from_json(InvocationRequest, lease.job.request)
    require_same_model(services, request.asked_model, request.identity)
    paths = [require_unchanged(services, file.data) for file in request.files]
    if request.hours is not None:
        left = lease.job.created + 3600 * request.hours - services.catalog.now()
        lease.allow(left, f"its {request.hours:g} hours are over; what is done is kept")
    # Until the first portion is looked at, what an earlier worker left still holds.
    lease.progress(replace(lease.job.progress, phase=f"loading {request.asked_model}", total=request.records))
    lease.check()
    engine = services.engines().open(request.asked_model)
    work = _Invocation(services, lease, request)
    try:
        work.answer(engine, paths)
    except (StopAsked, OverBudget):
        work.leave()
        raise
    work.finish()


class _Invocation:
    """One job's work, and how far it is."""

    def __init__(self, services: Services, lease: Lease, request: InvocationRequest) -> None:
        self._services = services
        self._lease = lease
        self._request = request
        self._output = InvocationOutput(services, lease, request)
        self._counts = RecordCounts()
        self._phase = f"generating with {request.asked_model}"
        self._file = 0
        self._broken_off = ""

    def answer(self, engine: Engine, paths: Sequence[Path]) -> None:
        """Answer the records of every file; what comes of a file is put in its place when it is whole."""
        rate = Rate(self._lease, self._phase, self._request.records, self._lease.job.progress)
        first = 0
        for place, (file, path) in enumerate(zip(self._request.files, paths, strict=True)):
            self._file = place
            for number, records in enumerate(_portions(path)):
                self._portion(engine, rate, f"{place:05}/{number:06}", first, records)
                first += len(records)
            self._output.put_file(place)
            self._lease.log(f"{file.name}: {file.records:,} records are processed")

    def leave(self) -> None:
        """Put what is done so far in its place."""
        self._output.put_file(self._file, self._broken_off)
        self._output.put_manifest(self._counts)
        self._tell()

    def finish(self) -> None:
        """End the job as done."""
        self._output.put_manifest(self._counts)
        self._tell()
        self._lease.finish(self._output.result(self._counts))
        self._lease.log(f"done: {self._counts.succeeded:,} records are answered, {self._counts.failed:,} failed")
        self._output.discard()

    def _portion(self, engine: Engine, rate: Rate, key: str, first: int, records: Sequence[InvocationRecord]) -> None:
        """Answer some records, the ``first`` of which has that number, unless that was done before."""
        counts = self._output.counts(key)
        if counts is None:
            answers = PortionAnswers(self._services.store, self._lease, self._request, key, first, records)
            try:
                answers.fill(engine, rate, self._counts)
            except (StopAsked, OverBudget):
                self._broken_off, counts = answers.written()
                self._counts += counts
                raise
            lines, counts = answers.written()
            self._output.keep(key, lines, counts)
        elif isinstance(engine, PaidEngine):
            engine.charge(counts.spending)
        self._counts += counts

    def _tell(self) -> None:
        """Say exactly how far the job is: while it generates, what is said may be a moment old."""
        failed = float(self._counts.failed)
        progress = Progress(self._phase, self._counts.processed, self._request.records, figures={"failed": failed})
        self._lease.progress(progress, at_once=True)


def _portions(path: Path) -> Iterator[list[InvocationRecord]]:
    """The records of a file, in parts that memory holds; a pure function of the file."""
    portion: list[InvocationRecord] = []
    size = 0
    for record in invocation_records(path):
        portion.append(record)
        size += len(json.dumps(record.body))
        if len(portion) == PORTION_RECORDS or size >= PORTION_SIZE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
