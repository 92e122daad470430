"""Evaluation: everything is checked before the job begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.app.data import absolute, check_at, output_faults, tokenizer_of
from outcrop.app.judging import JudgeChoice, judge_request
from outcrop.data.builtin import is_builtin
from outcrop.data.checking import DatasetCheck
from outcrop.data.columns import ColumnMap, named_columns
from outcrop.data.records import read
from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import Fault, IllegalMove, InvalidInput
from outcrop.domain.faults import shown
from outcrop.domain.generation import GenerationParameters
from outcrop.domain.jobs import Job, JobKind, Status
from outcrop.domain.judging import JudgeRequest
from outcrop.domain.models import Model
from outcrop.domain.records import EvaluationRecord, Purpose
from outcrop.domain.requests import (
    Dataset,
    EvaluationPart,
    EvaluationRequest,
    Perturbing,
    Prompting,
    WrittenAs,
    name_faults,
)
from outcrop.domain.scores import Direction, Report
from outcrop.evaluation.items import labels_of
from outcrop.evaluation.perturbations import DEFAULT_KINDS, VARIANTS, kind_named
from outcrop.evaluation.prompting import template_faults
from outcrop.evaluation.task_metrics import builtin_base, task_metrics
from outcrop.evaluation.tasks import Asked, Read, TaskType, task_type
from outcrop.services import Services, require_writer

#: Bedrock's name of what perturbed prompts cost; it is asked for among the metrics.
ROBUSTNESS = "Builtin.Robustness"

#: The most labels that a classification has before it is taken for something else.
MOST_LABELS = 1000


@dataclass(frozen=True)
class DatasetChoice:
    """A dataset to score models on, and how; what is None is as the task type has it.

    Attributes:
        data: A path, or ``s3://BUCKET/KEY``.
        task: A task type.
        metrics: Names of metrics; the task's own where empty. The verdict rests on the first.
        asked: ``generate`` or ``choose``, where the task type knows both.
        template: A text with ``{{prompt}}``.
        chat: Whether the models' chat templates are used.
        limit: How many records are drawn, by content and seed; None for all.
        robustness: Perturbations whose cost is measured, by asking perturbed prompts too; ``all`` for the usual ones.
        variants: How many variants of each prompt, for each kind that has chance in it.
        shots: Examples with their right responses before each record.
        examples: Evaluation records that the examples are drawn from.
        columns: As what the columns of ``data`` and ``examples`` are read; see ``data.columns.named_columns``.
        needs_references: Whether texts are refused where no record has a reference; where None, unless a judge judges,
            who does without.
        judged_by: Names of those of the judges' criteria that count here; None for all.
        written_as: What Bedrock's file calls it all; None for our names, and every metric.
    """

    data: str | Path
    task: str
    metrics: Sequence[str] = ()
    asked: str | None = None
    template: str | None = None
    chat: bool | None = None
    shots: int = 0
    examples: str | Path | None = None
    robustness: Sequence[str] = ()
    variants: int = VARIANTS
    limit: int | None = None
    columns: str | Mapping[str, str] = ""
    needs_references: bool | None = None
    judged_by: tuple[str, ...] | None = None
    written_as: WrittenAs | None = None


def submit_evaluation(
    services: Services,
    models: Sequence[str],
    datasets: Sequence[DatasetChoice],
    *,
    name: str | None = None,
    seed: int = 0,
    given: Mapping[str, Any] | None = None,
    stored: Sequence[str] = (),
    judging: JudgeChoice | None = None,
    output: str | Path | None = None,
    price_per_hour: float | None = None,
    identifiers: Mapping[str, str] | None = None,
    asked: dict[str, Any] | None = None,
    token: str = "",
) -> Job:
    """Check an evaluation from end to end and start its job.

    Args:
        services: Those of the home.
        models: Names of models; the first is the baseline.
        datasets: What to score them on.
        name: The job's name; made up where None.
        seed: Decides all that is random.
        given: Generation parameters by name; the task type's for the others.
        stored: ``modelIdentifier``s of responses that the data brings along; they come after ``models``.
        judging: Which models judge the responses, and how; None for none.
        output: A folder or an ``s3://`` address for the records as Bedrock writes them.
        price_per_hour: Of this machine, from which the cost of 1,000 responses follows.
        identifiers: What the records as Bedrock writes them call models and judges, by their names.
        asked: The request in the words of the wire it came by.
        token: See ``Services.submit``.

    Raises:
        InvalidInput: Faults in the name, the data or the parameters: all of them.
        NotFound: A model, a metric, its encoder, the task type, a judge or its criterion.
        NotSupported: A model is an encoder, or a metric's encoder is none.
        AlreadyExists: A job of that name is there.
    """
    resolved = [services.catalog.model(model) for model in models]
    for model in resolved:
        require_writer(model)
    faults = [] if name is None else name_faults("job", name)
    faults += output_faults(output)
    faults += _repeated("models", [*(model.name for model in resolved), *stored])
    if price_per_hour is not None and not 0 <= price_per_hour < float("inf"):
        faults.append(Fault("request", None, "price_per_hour", str(price_per_hour), "a number, 0 or more"))
    if not datasets:
        faults.append(Fault("request", None, "data", "none", "one dataset or more"))
    parts, total = [], len(faults)
    for choice, label in zip(datasets, _names(datasets), strict=True):
        try:
            if choice.needs_references is None:
                choice = dataclasses.replace(choice, needs_references=judging is None)
            part = _part(services, resolved, choice, label, seed, given or {}, stored)
            parts.append(dataclasses.replace(part, judged_by=choice.judged_by, written_as=choice.written_as))
        except InvalidInput as error:
            faults += error.faults
            total += error.total
    names = (*(model.name for model in resolved), *stored)
    judges, wrong = _judging(services, judging, names, parts, seed)
    faults, total = [*faults, *wrong], total + len(wrong)
    if faults:
        raise InvalidInput(faults, total)
    request = EvaluationRequest(
        models=names,
        identities=(*(model.identity for model in resolved), *(None for _ in stored)),
        parts=tuple(parts),
        seed=seed,
        stored=tuple(stored),
        judging=judges,
        output=None if output is None else absolute(output),
        price_per_hour=price_per_hour,
        identifiers=dict(identifiers or {}),
    )
    return services.submit(JobKind.EVALUATION, name, to_json(request), asked=asked, token=token)


def _judging(
    services: Services, choice: JudgeChoice | None, models: Sequence[str], parts: Sequence[EvaluationPart], seed: int
) -> tuple[JudgeRequest | None, list[Fault]]:
    if choice is None:
        return None, []
    judged = [part for part in parts if part.judged_by != ()]
    silent = sorted({part.prompting.asked for part in judged if part.prompting.asked != Asked.GENERATE})
    faults = [
        Fault("request", None, "judge", f"a task in which models are asked to {asked}", "responses, which it can read")
        for asked in silent
    ]
    try:
        return judge_request(services, choice, models, parts, seed=seed), faults
    except InvalidInput as error:
        return None, [*faults, *error.faults]


def report_of(job: Job) -> Report:
    """The report that an evaluation job left, of its first dataset.

    Raises:
        IllegalMove: The job is not done, or is no evaluation job.
    """
    return reports_of(job)[0]


def reports_of(job: Job) -> tuple[Report, ...]:
    """The reports that an evaluation job left, one for each dataset.

    Raises:
        IllegalMove: The job is not done, or is no evaluation job.
    """
    if job.kind is not JobKind.EVALUATION or job.status is not Status.DONE or job.result is None:
        raise IllegalMove(
            f"job {job.name} ({job.kind.value}) is {job.status.value}; only an evaluation job that is done has a report"
        )
    return tuple(from_json(Report, report) for report in job.result["reports"])


def generation_parameters(default: GenerationParameters, given: Mapping[str, Any]) -> GenerationParameters:
    """The given parameters by name, and the default's for the others.

    Raises:
        InvalidInput: A name is unknown, or a value is out of range: one fault each.
    """
    known = {field.name for field in dataclasses.fields(GenerationParameters)}
    unknown = [
        Fault("generation", None, name, str(value), f"one of {', '.join(sorted(known))}")
        for name, value in given.items()
        if name not in known
    ]
    parameters = dataclasses.replace(default, **{name: value for name, value in given.items() if name in known})
    if faults := [*unknown, *parameters.faults()]:
        raise InvalidInput(faults)
    return dataclasses.replace(parameters, stop=tuple(parameters.stop))


def _part(
    services: Services,
    models: Sequence[Model],
    choice: DatasetChoice,
    name: str,
    seed: int,
    given: Mapping[str, Any],
    stored: Sequence[str],
) -> EvaluationPart:
    """A dataset of the request.

    Raises:
        InvalidInput: It has faults, or what is asked of it: all of them.
        NotFound: There is no such task type or metric.
    """
    kind = task_type(choice.task)
    if kind.read is Read.TEXT and not choice.needs_references:
        kind = dataclasses.replace(kind, needs="")
    metrics = tuple(name for name in choice.metrics if name != ROBUSTNESS) or _own_metrics(kind, models)
    engines = services.engines()
    # Labels stand in for those of the data, which are not read yet.
    made = task_metrics(kind, metrics, labels=("a", "b"), encoders=engines.encoder, classifiers=engines.classifier)
    faults = _repeated("metrics", metrics)
    perturbing, wrong = _perturbing(kind, choice, made[0].direction)
    faults += wrong
    if choice.limit is not None and choice.limit < 1:
        faults.append(Fault("request", None, "limit", str(choice.limit), "1 or more"))
    if perturbing is not None and perturbing.builtin:
        builtin_base(kind, engines.encoder)
    generation = GenerationParameters(max_tokens=kind.max_tokens, seed=seed)
    try:
        generation = generation_parameters(generation, given)
    except InvalidInput as error:
        faults += error.faults
    columns = named_columns(choice.columns)
    prompting, wrong = _prompting(services, kind, choice, columns)
    faults += [*wrong, *_comparable(kind, metrics, models)]
    readers = [] if prompting.asked == Asked.READ else models
    found = _check_data(services, readers, absolute(choice.data), columns)
    faults += found.faults or _unfit(services, found, kind, prompting, stored, columns)
    if faults:
        raise InvalidInput(faults, len(faults) + found.n_faults - len(found.faults))
    data = Dataset(found.path, found.content_hash)
    named = str(columns or "")
    return EvaluationPart(name, data, kind.name, metrics, prompting, generation, perturbing, choice.limit, named)


def _perturbing(kind: TaskType, choice: DatasetChoice, direction: Direction) -> tuple[Perturbing | None, list[Fault]]:
    builtin = ROBUSTNESS in choice.metrics
    if not choice.robustness and not builtin:
        return None, []
    kinds = tuple(choice.robustness) or DEFAULT_KINDS
    kinds = DEFAULT_KINDS if kinds == ("all",) else kinds
    for name in kinds:
        kind_named(name)
    faults = _repeated("robustness", kinds)
    if choice.variants < 1:
        faults.append(Fault("request", None, "variants", str(choice.variants), "1 or more"))
    if kind.read not in (Read.TEXT, Read.LABEL, Read.CHOICE):
        found = f"perturbed prompts for {kind.name}"
        faults.append(
            Fault("request", None, "robustness", found, "a task type whose answers are texts, labels or choices")
        )
    if kind.read is Read.TEXT and direction is Direction.NONE:
        found = "a first metric that has no better way"
        faults.append(Fault("request", None, "robustness", found, "one whose drop can be measured, such as rougeL"))
    if builtin and kind.read is Read.TEXT and not kind.accuracy:
        found = f"{ROBUSTNESS} for {kind.name}"
        faults.append(Fault("request", None, "metrics", found, "--robustness all: Bedrock has none for this task type"))
    return Perturbing(kinds, choice.variants, builtin=builtin), faults


def _own_metrics(kind: TaskType, models: Sequence[Model]) -> tuple[str, ...]:
    """The task's metrics, without what can't be compared between these models."""
    return tuple(name for name in kind.metrics if not _comparable(kind, (name,), models))


def _comparable(kind: TaskType, metrics: Sequence[str], models: Sequence[Model]) -> list[Fault]:
    unlike = len({model.identity.tokenizer for model in models}) > 1
    if kind.read is Read.LIKELIHOOD and unlike and "token_perplexity" in metrics:
        found = "token_perplexity of models whose tokens differ"
        return [Fault("request", None, "metrics", found, "bits_per_byte or word_perplexity, which compare them")]
    return []


def _prompting(
    services: Services, kind: TaskType, choice: DatasetChoice, columns: ColumnMap | None
) -> tuple[Prompting, list[Fault]]:
    asked = choice.asked or kind.asked[0].value
    template = kind.template if choice.template is None else choice.template
    faults = template_faults(template)
    if asked not in set(kind.asked):
        faults.append(Fault("request", None, "asked", repr(asked), f"one of {', '.join(kind.asked)} for {kind.name}"))
    examples = None
    if choice.shots < 0 or (choice.shots > 0) != (choice.examples is not None):
        found = f"{choice.shots} with {'no ' if choice.examples is None else ''}examples"
        faults.append(Fault("request", None, "shots", found, "1 or more and a file of examples, or neither"))
    elif choice.examples is not None:
        checked = check_at(services, absolute(choice.examples), Purpose.EVALUATION, columns=columns)
        faults += checked.faults
        able = checked.n_records - checked.n_without_reference
        if not checked.n_faults and able < choice.shots:
            found = f"{able} records with a reference"
            faults.append(Fault(checked.path, None, "", found, f"{choice.shots} or more, as many as shots"))
        examples = Dataset(checked.path, checked.content_hash)
    chat = kind.chat if choice.chat is None else choice.chat
    return Prompting(asked, template, chat, choice.shots, examples), faults


def _unfit(
    services: Services,
    checked: DatasetCheck,
    kind: TaskType,
    prompting: Prompting,
    stored: Sequence[str],
    columns: ColumnMap | None,
) -> list[Fault]:
    """What keeps a sound dataset from being scored by this task type."""
    faults = []
    place = checked.path
    looks = stored or kind.needs == "choices" or kind.read is Read.LABEL
    # What the check has counted need not be read again: a dataset may be large.
    records = list(read(services.fetch(place), Purpose.EVALUATION, columns)) if looks else []
    lacking = [record.line for record in records if kind.needs == "choices" and not record.choices]
    if lacking:
        found = f"no choices in {len(lacking):,} records"
        faults.append(
            Fault(place, lacking[0], "choices", found, "choices in every record: the task type asks for them")
        )
    if kind.needs and checked.n_without_reference == checked.n_records:
        faults.append(
            Fault(place, None, "referenceResponse", "none in any record", "references: the metrics need them")
        )
    if kind.read is Read.LABEL:
        faults += _label_faults(place, records)
    if stored and prompting.asked != Asked.GENERATE:
        expected = f"models alone, or --asked {Asked.GENERATE.value}"
        faults.append(
            Fault("request", None, "stored", f"responses in a task that is asked to {prompting.asked}", expected)
        )
    return [*faults, *_not_stored(place, records, stored)]


def _label_faults(place: str, records: Sequence[EvaluationRecord]) -> list[Fault]:
    labels = labels_of(records)
    if 2 <= len(labels) <= MOST_LABELS:
        return []
    there = f"{len(labels):,} labels" if len(labels) != 1 else f"the label {shown(labels[0])} alone"
    return [Fault(place, None, "referenceResponse", there, f"2 to {MOST_LABELS:,} labels")]


def _not_stored(place: str, records: Sequence[EvaluationRecord], stored: Sequence[str]) -> list[Fault]:
    there = {one.source for record in records for one in record.responses}
    known = ", ".join(map(shown, sorted(there))) or "no stored responses in the data"
    return [
        Fault(place, None, "modelResponses", f"none of {shown(name)}", f"one of {known}")
        for name in stored
        if name not in there
    ]


def _names(datasets: Sequence[DatasetChoice]) -> list[str]:
    """A name for each dataset, its own or from its file's; those of one name get a number."""
    names: list[str] = []
    for choice in datasets:
        place = str(choice.data)
        stem = Path(place).name.partition(".")[2 if is_builtin(place) else 0]
        stem = stem if choice.written_as is None else choice.written_as.dataset
        plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in stem)[:60] or "data"
        number = sum(name == plain or name.startswith(f"{plain}-") for name in names)
        names.append(f"{plain}-{number + 1}" if number else plain)
    return names


def _repeated(where: str, names: Sequence[str]) -> list[Fault]:
    if not names:
        return [Fault("request", None, where, "none", "one or more")]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [Fault("request", None, where, f"{name} more than once", "each once") for name in twice]


def _check_data(services: Services, models: Sequence[Model], place: str, columns: ColumnMap | None) -> DatasetCheck:
    """Check the data against each way of reading it; the first check with faults says it. Scripts take anything."""
    tokenizers = [tokenizer for model in models if (tokenizer := tokenizer_of(services, model)) is not None]
    first, *others = {tokenizer.identity: tokenizer for tokenizer in tokenizers}.values() or (None,)
    found = check_at(services, place, Purpose.EVALUATION, first, columns=columns)
    for tokenizer in others:
        found = found if found.n_faults else check_at(services, place, Purpose.EVALUATION, tokenizer, columns=columns)
    return found
