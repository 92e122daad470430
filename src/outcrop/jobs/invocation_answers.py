"""What a model answers to some records of an invocation job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from outcrop.data.invocation_records import InvocationRecord
from outcrop.dialects.choosing import dialect_of, usual_of
from outcrop.dialects.converse import Converse
from outcrop.dialects.protocol import Dialect, Inference, Timing
from outcrop.domain.errors import InvalidInput, OverBudget, UserError
from outcrop.domain.generation import GenerationParameters, Prompt, Response, Spending
from outcrop.domain.requests import InvocationRequest, Wording
from outcrop.engines.protocol import Generator
from outcrop.jobs.invocation_output import RecordCounts
from outcrop.jobs.lease import Lease, StopAsked
from outcrop.jobs.paid_responses import REFUSED
from outcrop.jobs.rate import Rate, Tell, further
from outcrop.jobs.responses import ResponseBook
from outcrop.stores.protocol import Store

#: What an error in an output says of itself, as Bedrock has it.
BAD_REQUEST = 400


@dataclass
class _Asked:
    """A record on its way: what it asks and in which wording, or else why it failed; later what was answered."""

    number: int
    record: InvocationRecord
    dialect: Dialect | None = None
    inference: Inference | None = None
    error: str = ""
    response: Response | None = None


class PortionAnswers:
    """The answers to records that are in memory at once.

    Args:
        store: Where responses lie until the portion is whole.
        lease: The job's.
        request: The job's.
        key: Names the portion among the job's.
        first: The number of the first record among the job's, from 0.
        records: The records.
    """

    def __init__(
        self,
        store: Store,
        lease: Lease,
        request: InvocationRequest,
        key: str,
        first: int,
        records: Sequence[InvocationRecord],
    ) -> None:
        self._store = store
        self._lease = lease
        self._request = request
        self._key = key
        self._seconds = 0.0
        self._spending = Spending()
        self._asked = {number: self._read(number, record) for number, record in enumerate(records, first)}

    def fill(self, engine: Generator, rate: Rate, before: RecordCounts) -> None:
        """Let a model answer what it has not answered yet.

        Args:
            engine: The model.
            rate: Hears how far the job is.
            before: Of the portions before.

        Raises:
            LeaseLost, StopAsked, TimeIsUp: See ``Lease.check``; what was answered before is there.
            OverBudget, RemoteRefusal, RemoteFailure: See ``PaidEngine.generate_keeping``; likewise.
        """
        groups = self._groups()
        books = [self._book(place) for place in range(len(groups))]
        try:
            for book, (parameters, prompts) in zip(books, groups.items(), strict=True):
                fitting = self._fitting(engine, prompts, parameters)
                found = book.fill(engine, fitting, parameters, self._telling(rate, before))
                self._keep(found.responses)
                self._seconds += found.seconds
                self._spending += found.spending
        except (StopAsked, OverBudget):
            for book in books:
                self._keep(book.stored())
            raise

    def written(self) -> tuple[str, RecordCounts]:
        """The lines of what is processed, in the records' order, and how many there are of which kind."""
        lines = [self._line(one) for one in self._processed()]
        answered = [one.response for one in self._processed() if one.response is not None]
        counts = RecordCounts(
            succeeded=len(answered),
            failed=len(lines) - len(answered),
            input_tokens=sum(response.prompt_tokens for response in answered),
            output_tokens=sum(len(response.tokens) for response in answered),
            seconds=self._seconds,
            spending=self._spending,
        )
        return "".join(lines), counts

    def _book(self, place: int) -> ResponseBook:
        key, model = f"{self._key}/{place}", self._request.asked_model
        return ResponseBook(self._store, self._lease, key, model, refusals=True)

    def _telling(self, rate: Rate, before: RecordCounts) -> Tell:
        """What hears of the responses of a group, those before it told."""
        processed = self._processed()
        rate.figures["failed"] = float(before.failed + sum(bool(one.error) for one in processed))
        tell = partial(further, rate.tell, before.processed + len(processed))
        tell(0, 0, 0.0)
        return tell

    def _read(self, number: int, record: InvocationRecord) -> _Asked:
        try:
            dialect = self._dialect(record)
            inference = dialect.read(record.body)
        except UserError as error:
            return _Asked(number, record, error=_words(error))
        prompt = replace(inference.prompt, number=number)
        parameters = self._seeded(dialect, record, inference.parameters)
        return _Asked(number, record, dialect, Inference(prompt, parameters))

    def _dialect(self, record: InvocationRecord) -> Dialect:
        if self._request.wording is Wording.CONVERSE:
            return Converse(usual_of(self._request.family))
        return dialect_of(self._request.family, record.body)

    def _seeded(
        self, dialect: Dialect, record: InvocationRecord, parameters: GenerationParameters
    ) -> GenerationParameters:
        """With a seed that the job has again when it is gone on with.

        What a record draws depends on its number too, so records without a seed of their own can share one, and with it
        batches.
        """
        # A seed that no body names is drawn at each reading.
        own = parameters.temperature > 0 and dialect.read(record.body).parameters.seed == parameters.seed
        return parameters if own else replace(parameters, seed=job_seed(self._lease.job.id))

    def _groups(self) -> dict[GenerationParameters, list[Prompt]]:
        """Prompts that can run together, in the order of first appearance."""
        groups: dict[GenerationParameters, list[Prompt]] = {}
        for one in self._asked.values():
            if one.inference is not None:
                groups.setdefault(one.inference.parameters, []).append(one.inference.prompt)
        return groups

    def _fitting(
        self, engine: Generator, prompts: Sequence[Prompt], parameters: GenerationParameters
    ) -> Sequence[Prompt]:
        """Those prompts that the model takes; the others have failed."""
        try:
            engine.plan(prompts, parameters)
        except InvalidInput:
            return [prompt for prompt in prompts if self._fits(engine, prompt, parameters)]
        return prompts

    def _fits(self, engine: Generator, prompt: Prompt, parameters: GenerationParameters) -> bool:
        try:
            engine.plan([prompt], parameters)
        except InvalidInput as error:
            self._asked[prompt.number].error = _words(error)
            return False
        return True

    def _keep(self, responses: Sequence[Response]) -> None:
        for response in responses:
            if response.stop_reason == REFUSED:
                self._asked[response.number].error = response.text
            else:
                self._asked[response.number].response = response

    def _processed(self) -> list[_Asked]:
        return [one for one in self._asked.values() if one.error or one.response]

    def _line(self, one: _Asked) -> str:
        line = {"recordId": one.record.id or f"REC{one.number + 1:08}", "modelInput": one.record.body}
        return json.dumps({**line, **self._outcome(one)}, ensure_ascii=False) + "\n"

    def _outcome(self, one: _Asked) -> dict[str, Any]:
        if one.dialect is None or one.response is None:
            return {"error": {"errorCode": BAD_REQUEST, "errorMessage": one.error}}
        took = one.response.latency or 0.0
        writer = one.dialect.writer(one.record.body, self._request.asked_as)
        return {"modelOutput": writer.whole(one.response, Timing(took, took))}


def _words(error: UserError) -> str:
    """Why a record failed: faults in the record, wherever the reader of a body believed itself to be."""
    if isinstance(error, InvalidInput):
        return str(InvalidInput([replace(fault, where="modelInput") for fault in error.faults], error.total))
    return str(error)


def job_seed(job_id: str) -> int:
    """What decides the samples of a job's records that name no seed: 0 to 2^31 - 1."""
    digest = hashlib.sha256(f"outcrop invocation job {job_id}".encode()).digest()
    return int.from_bytes(digest[:4]) % 2**31
