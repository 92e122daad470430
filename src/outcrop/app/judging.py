"""A model as judge: everything is checked before the evaluation job begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from outcrop.data.columns import named_columns
from outcrop.data.records import read
from outcrop.domain.errors import Fault, InvalidInput, NotFound
from outcrop.domain.generation import GenerationParameters
from outcrop.domain.judging import Criterion, JudgeRequest, PeopleLabel
from outcrop.domain.records import Purpose
from outcrop.domain.requests import EvaluationPart
from outcrop.evaluation.judges.criteria import built_in
from outcrop.evaluation.judges.custom import VARIABLE, custom_criteria
from outcrop.evaluation.judges.people import people_labels
from outcrop.services import Services, require_writer

#: A judge that is asked several times is sampled: greedy, it would repeat itself and seem to agree.
SAMPLED = 0.7

MOST_REPEATS = 20
MOST_ATTEMPTS = 10


@dataclass(frozen=True)
class JudgeChoice:
    """Which models judge, by what and how.

    Attributes:
        judges: Their names.
        criteria: Names of built-in criteria.
        criteria_file: A JSON file with criteria of one's own, a path or ``s3://``.
        pairwise: Whether each later model's responses are held against the first one's.
        repeats: How often each question is asked.
        attempts: How often more one is asked whose answer can't be read.
        max_tokens: The most tokens of a ruling.
        temperature: None for 0.7, or 0 where each question is asked once.
        people: JSON Lines with what people said of the same responses, a path or ``s3://``.
        custom: Criteria of one's own that were read already.
        custom_judge: Who judges by the criteria of one's own, and by no other; None for ``judges``.
    """

    judges: Sequence[str]
    criteria: Sequence[str] = ()
    criteria_file: str | Path | None = None
    pairwise: bool = False
    repeats: int = 2
    attempts: int = 2
    max_tokens: int = 256
    temperature: float | None = None
    people: str | Path | None = None
    custom: Sequence[Criterion] = ()
    custom_judge: str | None = None


def judge_request(
    services: Services, choice: JudgeChoice, models: Sequence[str], data: Sequence[EvaluationPart], *, seed: int
) -> JudgeRequest:
    """What is asked of judges, checked.

    Args:
        services: Where the judges are.
        choice: What is asked for.
        models: Who is judged, the baseline first.
        data: The datasets that they answer, sound ones.
        seed: Decides every sample.

    Raises:
        InvalidInput: Faults in the criteria, the files or the numbers: all of them.
        NotFound: A judge, a built-in criterion or a file.
        NotSupported: A judge is an encoder.
    """
    others = [] if choice.custom_judge is None else [choice.custom_judge]
    resolved = [services.catalog.model(judge) for judge in [*choice.judges, *others]]
    for model in resolved:
        require_writer(model)
    chosen, own = [built_in(name) for name in choice.criteria], list(choice.custom)
    faults: list[Fault] = []
    if choice.criteria_file is not None:
        try:
            own += _from_file(services, str(choice.criteria_file))
        except InvalidInput as error:
            faults += error.faults
    shares = [tuple(one.name for one in chosen)] * len(choice.judges) + [tuple(one.name for one in own)]
    sampled = SAMPLED if choice.repeats > 1 else 0.0
    temperature = sampled if choice.temperature is None else choice.temperature
    request = JudgeRequest(
        judges=tuple(model.name for model in resolved),
        identities=tuple(model.identity for model in resolved),
        criteria=(*chosen, *own),
        pairwise=choice.pairwise,
        repeats=choice.repeats,
        attempts=choice.attempts,
        generation=GenerationParameters(max_tokens=choice.max_tokens, temperature=temperature, seed=seed),
        shares=tuple(shares) if others else (),
    )
    faults += _faults(request, len(models), choice.criteria_file is not None)
    if choice.people is not None and len(data) != 1:
        faults.append(Fault("judge", None, "people", f"{len(data)} datasets", "one, whose lines people judged"))
    elif choice.people is not None and not faults:
        return replace(request, labels=_labels(services, str(choice.people), request, models, data[0]))
    if faults:
        raise InvalidInput(faults)
    return request


def _labels(
    services: Services, place: str, request: JudgeRequest, models: Sequence[str], data: EvaluationPart
) -> tuple[PeopleLabel, ...]:
    records = read(services.fetch(data.data.path), Purpose.EVALUATION, named_columns(data.columns))
    lines = [record.line for record in records]
    text = _text(services, place)
    return people_labels(text, place, request.criteria, models, lines, pairwise=request.pairwise)


def _from_file(services: Services, place: str) -> tuple[Criterion, ...]:
    return custom_criteria(_text(services, place), place)


def _text(services: Services, place: str) -> str:
    path = services.fetch(place)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {place}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput([Fault(place, None, "", str(error), "a JSON file in UTF-8")]) from error


def _faults(request: JudgeRequest, models: int, has_file: bool) -> list[Fault]:
    found: list[tuple[str, str, str]] = []
    names = [criterion.name for criterion in request.criteria]
    for what, given in (("judges", request.judges), ("criteria", names)):
        twice = sorted({name for name in given if given.count(name) > 1})
        found += [(what, f"{name} more than once", "each once") for name in twice]
    if not names and not has_file:
        found.append(("criteria", "none", "one or more, built in or from a file"))
    if not request.judges:
        found.append(("judges", "none", "one or more"))
    if request.pairwise and models < 2:
        found.append(("pairwise", f"{models} model", "two models or more to compare"))
    words = [criterion.name for criterion in request.criteria if not criterion.numeric]
    if request.pairwise:
        found += [("pairwise", f"{name}, whose ratings are words", "ratings with numbers") for name in words]
    found += [
        ("criteria", f"{criterion.name} with {{{{context}}}}", "the context within the prompt: records have none")
        for criterion in request.criteria
        if "context" in VARIABLE.findall(criterion.instructions)
    ]
    if not 1 <= request.repeats <= MOST_REPEATS:
        found.append(("repeats", str(request.repeats), f"1 to {MOST_REPEATS}"))
    if not 0 <= request.attempts <= MOST_ATTEMPTS:
        found.append(("attempts", str(request.attempts), f"0 to {MOST_ATTEMPTS}"))
    if request.repeats > 1 and request.generation.temperature == 0:
        found.append(("temperature", "0", "more than 0 with repeats: a greedy judge says the same each time"))
    return [Fault("judge", None, *fault) for fault in found] + request.generation.faults()
