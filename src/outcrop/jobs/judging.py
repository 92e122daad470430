"""Judging within an evaluation job: ask, ask again what can't be read, and report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from outcrop.domain.codec import to_json
from outcrop.domain.errors import InvalidInput
from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.domain.jobs import Progress
from outcrop.domain.judging import JudgeRequest
from outcrop.domain.models import Identity, Model
from outcrop.domain.records import EvaluationRecord
from outcrop.domain.scores import JudgeReport
from outcrop.engines.protocol import Engine
from outcrop.evaluation.judges.judging import Quality, Session, bias_checks, judged_criteria, own_models
from outcrop.evaluation.judges.questions import Question, exchanges, prompts, questions
from outcrop.evaluation.judges.rulings import Ruling, rulings
from outcrop.jobs.datasets import require_same_model
from outcrop.jobs.lease import Lease
from outcrop.jobs.responses import ResponseBook
from outcrop.services import Engines, Services

#: A greedy judge writes the same each time, so what it is asked again is sampled.
_AGAIN = 0.7


@dataclass(frozen=True)
class Responses:
    """What is judged.

    Attributes:
        part: The number of the dataset within the job.
        records: What was asked.
        names: Who answered, the baseline first.
        models: The same as models; None for one whose responses came with the data.
        texts: By model, a response to each record; None where there is none.
        quality: Another metric's values of them, to tell length from quality; None where there is none.
        clusters: What names the cluster of each record; None where records are independent.
    """

    part: int
    records: Sequence[EvaluationRecord]
    names: Sequence[str]
    models: Sequence[Model | None]
    texts: Sequence[Sequence[str | None]]
    quality: Quality | None = None
    clusters: Sequence[str] | None = None


@dataclass(frozen=True)
class Judged:
    """What came of it, by judge: the report, and what was asked and said."""

    reports: tuple[JudgeReport, ...] = ()
    sessions: tuple[Session, ...] = ()


def judge(
    services: Services, lease: Lease, engines: Engines, request: JudgeRequest, judged: Responses, folder: str, seed: int
) -> Judged:
    """Let every judge judge, and keep what they said in ``FOLDER/rulings.jsonl``.

    What a judge wrote is stored batch by batch and never generated again, so that a resumed job reports the same.

    Args:
        services: Where the judges are.
        lease: The job's.
        engines: The job's, with what it has loaded.
        request: Who judges, by what and how.
        judged: Records and responses.
        folder: Where the dataset's report lies.
        seed: Of the bootstrap.

    Raises:
        UserError: A judge was changed since the job was submitted.
        LeaseLost, StopAsked: See ``Lease.check``.
    """
    sessions, reports = [], []
    for number in range(len(request.judges)):
        own = request.of(number)
        if not own.criteria:
            continue
        session, figures = _session(services, lease, engines, own, judged, number, seed)
        sessions.append(session)
        reports.append(_report(lease, session, judged, figures))
    lease.hold()
    services.store.write(f"{folder}/rulings.jsonl", b"".join(_lines(one, judged.records) for one in sessions))
    return Judged(tuple(reports), tuple(sessions))


def _session(
    services: Services,
    lease: Lease,
    engines: Engines,
    request: JudgeRequest,
    judged: Responses,
    number: int,
    seed: int,
) -> tuple[Session, dict[str, float]]:
    """What a judge said, and what it cost."""
    name = request.judges[number]
    model = require_same_model(services, name, request.identities[number])
    lease.progress(Progress(f"loading {name}"))
    given = exchanges(judged.records, judged.texts)
    asked = questions(given, request.criteria, pairwise=request.pairwise, repeats=request.repeats)
    made = prompts(asked, given, request.criteria, seed=request.generation.seed)
    place = f"judge/{judged.part}/{number}"
    asking = _Asking(services, lease, engines.open(name), name, place, request, asked)
    asking.ask(made)
    session = Session(
        judge=name,
        weights=model.identity.weights,
        request=request,
        models=tuple(judged.names),
        given=given,
        categories=[record.category for record in judged.records],
        clusters=judged.clusters,
        asked=asked,
        said=asking.said,
        tries=asking.tries,
        quality=judged.quality,
        seed=seed,
        people=_people(request, judged),
    )
    lease.log(f"{name}: {len(asked)} rulings in {asking.figures['seconds']:.0f} s")
    return session, asking.figures


def _people(request: JudgeRequest, judged: Responses) -> dict[tuple[int, int, int], list[str]]:
    """What people said, by places."""
    criteria = {criterion.name: place for place, criterion in enumerate(request.criteria)}
    models = {name: place for place, name in enumerate(judged.names)}
    records = {record.line: place for place, record in enumerate(judged.records)}
    found: dict[tuple[int, int, int], list[str]] = {}
    for label in request.labels:
        if label.criterion not in criteria:
            continue
        key = criteria[label.criterion], models[label.model], records[label.line]
        found.setdefault(key, []).append(label.answer)
    return found


def _report(lease: Lease, session: Session, judged: Responses, figures: dict[str, float]) -> JudgeReport:
    lease.check()
    lease.progress(Progress(f"scoring what {session.judge} said"))
    return JudgeReport(
        judge=session.judge,
        weights=session.weights,
        pairwise=session.request.pairwise,
        repeats=session.request.repeats,
        criteria=judged_criteria(session),
        biases=bias_checks(session),
        own=own_models(session.weights, [_weights(one) for one in judged.models if one is not None]),
        generation=to_json(session.request.generation),
        figures=figures,
    )


def _weights(model: Model) -> tuple[str, str, str | None]:
    base: Identity | None = model.lineage.base_identity if model.lineage else None
    return model.name, model.identity.weights, base.weights if base else None


class _Asking:
    """A judge's rulings in the making: what it said last, and how often it was asked."""

    def __init__(
        self,
        services: Services,
        lease: Lease,
        engine: Engine,
        name: str,
        place: str,
        request: JudgeRequest,
        asked: Sequence[Question],
    ) -> None:
        self._services = services
        self._lease = lease
        self._engine = engine
        self._name = name
        self._place = place
        self._request = request
        self._asked = asked
        self.said = [Ruling(None, "")] * len(asked)
        self.tries = [0] * len(asked)
        self.figures = {"prompt_tokens": 0.0, "generated_tokens": 0.0, "seconds": 0.0, "cost": 0.0}

    def ask(self, made: Sequence[Prompt]) -> None:
        """Ask every prompt that the judge can read, and again those whose answers can't be read."""
        left = _readable(self._engine, made, self._request.generation)
        for attempt in range(1 + self._request.attempts):
            if not left:
                return
            responses = self._responses(attempt, [made[place] for place in left])
            found = rulings([self._asked[place] for place in left], self._request.criteria, responses)
            for place, ruling in zip(left, found, strict=True):
                self.said[place] = ruling
                self.tries[place] += 1
            left = [place for place in left if self.said[place].answer is None]

    def _responses(self, attempt: int, made: Sequence[Prompt]) -> Sequence[Response]:
        """The responses of an attempt, each attempt in a book of its own and with a seed of its own."""
        book = ResponseBook(self._services.store, self._lease, f"{self._place}/{attempt}", self._name)
        numbered = [replace(prompt, number=number) for number, prompt in enumerate(made)]
        stored = book.fill(self._engine, numbered, _parameters(self._request.generation, attempt))
        self.figures["prompt_tokens"] += sum(response.prompt_tokens for response in stored.responses)
        self.figures["generated_tokens"] += sum(len(response.tokens) for response in stored.responses)
        self.figures["seconds"] += stored.seconds
        self.figures["cost"] += stored.spending.cost
        return stored.responses


def _parameters(given: GenerationParameters, attempt: int) -> GenerationParameters:
    if attempt == 0:
        return given
    return replace(given, seed=(given.seed + attempt) % 2**31, temperature=given.temperature or _AGAIN)


def _readable(engine: Engine, made: Sequence[Prompt], parameters: GenerationParameters) -> list[int]:
    """The places of the prompts that fit into the judge's context; the others are counted as too long."""
    if _fits(engine, made, parameters):
        return list(range(len(made)))
    return [place for place, prompt in enumerate(made) if _fits(engine, [replace(prompt, number=0)], parameters)]


def _fits(engine: Engine, made: Sequence[Prompt], parameters: GenerationParameters) -> bool:
    try:
        engine.plan(made, parameters)
    except InvalidInput:
        return False
    return True


def _lines(session: Session, records: Sequence[EvaluationRecord]) -> bytes:
    """One JSON line per question: what was asked of whom, and what the judge said."""
    lines = []
    for question, ruling, tries in zip(session.asked, session.said, session.tries, strict=True):
        entry = {
            "line": records[question.record].line,
            "judge": session.judge,
            "criterion": session.request.criteria[question.criterion].name,
            "model": session.models[question.model],
            "against": None if question.against is None else session.models[question.against],
            "first": session.models[question.model] if question.swapped else None,
            "repeat": question.repeat,
            "answer": ruling.answer,
            "explanation": ruling.explanation,
            "tries": tries,
        }
        if question.against is not None and not question.swapped:
            entry["first"] = session.models[question.against]
        lines.append(json.dumps(entry, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
