"""Evaluation: everything is checked before the job begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outcrop.app.data import absolute, check_at, tokenizer_of
from outcrop.data.checking import DatasetCheck
from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import AlreadyExists, Fault, IllegalMove, InvalidInput
from outcrop.domain.generation import GenerationParameters
from outcrop.domain.jobs import Job, JobKind, Status
from outcrop.domain.models import Model
from outcrop.domain.records import Purpose
from outcrop.domain.requests import Dataset, EvaluationRequest, name_faults
from outcrop.domain.scores import Report
from outcrop.evaluation.tasks import task_type
from outcrop.metrics import named
from outcrop.services import Services, require_writer


def submit_evaluation(
    services: Services,
    models: Sequence[str],
    *,
    data: str | Path,
    task: str,
    metrics: Sequence[str] = (),
    name: str | None = None,
    seed: int = 0,
    given: Mapping[str, Any] | None = None,
) -> Job:
    """Check an evaluation from end to end and start its job.

    Raises:
        InvalidInput: Faults in the name, the data or the generation parameters: all of them.
        NotFound: A model, a metric, its encoder or the task type.
        NotSupported: A model is an encoder, or a metric's encoder is none.
        AlreadyExists: A job of that name is there.
    """
    kind = task_type(task)
    chosen = tuple(metrics) or kind.metrics
    encoders = services.engines().encoder
    for metric in chosen:
        named(metric, encoders)
    resolved = [services.catalog.model(model) for model in models]
    for model in resolved:
        require_writer(model)
    default = GenerationParameters(max_tokens=kind.max_tokens, seed=seed)
    parameters, faults = default, [] if name is None else name_faults("job", name)
    try:
        parameters = generation_parameters(default, given or {})
    except InvalidInput as error:
        faults += error.faults
    faults += _repeated("models", [model.name for model in resolved]) + _repeated("metrics", chosen)
    found = _check_data(services, resolved, absolute(data))
    if faults or found.n_faults:
        raise InvalidInput([*faults, *found.faults], len(faults) + found.n_faults)
    if name is not None and any(job.name == name for job in services.catalog.jobs()):
        raise AlreadyExists(f"there is a job named {name!r} already; give another name")
    request = EvaluationRequest(
        models=tuple(model.name for model in resolved),
        identities=tuple(model.identity for model in resolved),
        data=Dataset(found.path, found.content_hash),
        task=kind.name,
        metrics=chosen,
        generation=parameters,
        seed=seed,
    )
    return services.submit(JobKind.EVALUATION, name, to_json(request))


def report_of(job: Job) -> Report:
    """The report that an evaluation job left.

    Raises:
        IllegalMove: The job is not done, or is no evaluation job.
    """
    if job.kind is not JobKind.EVALUATION or job.status is not Status.DONE or job.result is None:
        raise IllegalMove(
            f"job {job.name} ({job.kind.value}) is {job.status.value}; only an evaluation job that is done has a report"
        )
    return from_json(Report, job.result["report"])


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


def _repeated(where: str, names: Sequence[str]) -> list[Fault]:
    if not names:
        return [Fault("request", None, where, "none", "one or more")]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [Fault("request", None, where, f"{name} more than once", "each once") for name in twice]


def _check_data(services: Services, models: Sequence[Model], place: str) -> DatasetCheck:
    """Check the data against each way of reading it; the first check with faults says it. Scripts take anything."""
    tokenizers = [tokenizer for model in models if (tokenizer := tokenizer_of(services, model)) is not None]
    first, *others = {tokenizer.identity: tokenizer for tokenizer in tokenizers}.values() or (None,)
    found = check_at(services, place, Purpose.EVALUATION, first)
    for tokenizer in others:
        found = found if found.n_faults else check_at(services, place, Purpose.EVALUATION, tokenizer)
    if found.n_faults:
        return found
    if found.n_without_reference == found.n_records:
        fault = Fault(found.path, None, "referenceResponse", "none in any record", "references: the metrics need them")
        return dataclasses.replace(found, faults=(fault,), n_faults=1)
    return found
