"""Customization: everything is checked before the job begins."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from outcrop.app.data import absolute, check_at, output_faults, tokenizer_of
from outcrop.app.estimating import Subject, foresee
from outcrop.data.checking import DatasetCheck
from outcrop.domain.codec import to_json
from outcrop.domain.errors import AlreadyExists, Fault, InvalidInput, NotFound, NotSupported
from outcrop.domain.hyperparameters import LORA_ONLY, Hyperparameters, choose
from outcrop.domain.jobs import ENDED, Job, JobKind, Status
from outcrop.domain.models import Customization, Model, ModelKind
from outcrop.domain.records import Purpose
from outcrop.domain.requests import CustomizationRequest, Dataset, encoding_of, name_faults
from outcrop.domain.scores import Direction
from outcrop.domain.units import size
from outcrop.metrics import named
from outcrop.models.chat import ChatTokenizer
from outcrop.models.device import choose_device, has_bfloat16
from outcrop.models.memory import usable_memory
from outcrop.services import Services, new_job_id
from outcrop.trainers.estimate import Estimate


@dataclass(frozen=True)
class PreparedCustomization:
    """A request that was checked, what was found in its data, and what it will take."""

    request: CustomizationRequest
    train: DatasetCheck
    validation: DatasetCheck | None
    estimate: Estimate
    device: str


def prepare_customization(
    services: Services,
    base: str,
    *,
    train: str | Path,
    name: str,
    validation: str | Path | None = None,
    method: str = "lora",
    purpose: Purpose = Purpose.FINE_TUNING,
    output: str | Path | None = None,
    given: Mapping[str, Any] | None = None,
    probe: bool = False,
) -> PreparedCustomization:
    """Check a customization from end to end, without starting it.

    Args:
        services: The home.
        base: The model to start from; an adapter is gone on with, and keeps its shape.
        train: Training data.
        name: The custom model's.
        validation: Held-out data.
        method: A ``Customization``.
        purpose: Whether the data are answers to learn, or texts for continued pre-training.
        output: A folder or an ``s3://`` address for the curve's tables.
        given: Hyperparameters.
        probe: Measure a few real steps for the estimate, unless that was done before.

    Raises:
        InvalidInput: Faults in names, data or hyperparameters: all of them.
        NotFound: There is no such base model, or no such metric.
        AlreadyExists: A model of that name is there, or a job is making one.
        NotSupported: The base does not allow the method, memory or disk would not do, or the probe failed.
    """
    wanted = _method(method)
    model = services.catalog.model(base)
    if reason := model.customizations.get(wanted.value, "it is not known to"):
        raise NotSupported(f"{model.name} does not support {wanted.value}: {reason}")
    require_free(services, name)
    tokenizer = tokenizer_of(services, model)
    assert tokenizer is not None, "a model that can be customised has a tokenizer"
    wanted_output = None if output is None else absolute(output)
    places = tuple(absolute(place) for place in (train, validation) if place is not None)
    data = _Data(purpose, places, wanted_output)
    hyperparameters, checks = _checked(services, tokenizer, model, name, wanted, given or {}, data)
    device = choose_device(services.settings.device)
    hyperparameters = replace(hyperparameters, number_format=_number_format(hyperparameters.number_format, device))
    request = CustomizationRequest(
        model=name,
        base=model.name,
        base_identity=model.identity,
        method=wanted,
        train=_dataset(checks[0]),
        validation=_dataset(checks[1]) if len(checks) > 1 else None,
        hyperparameters=hyperparameters,
        purpose=purpose,
        output=wanted_output,
    )
    subject = Subject(request, checks, tokenizer, device)
    foreseen = foresee(services, subject, probe=False)
    # Before a probe: one of what can't fit would take the machine down with it.
    _require_room(services, foreseen, device)
    if probe and not foreseen.probed:
        foreseen = foresee(services, subject, probe=True)
        _require_room(services, foreseen, device)
    return PreparedCustomization(request, checks[0], checks[1] if len(checks) > 1 else None, foreseen, device)


def submit_customization(
    services: Services,
    prepared: PreparedCustomization,
    *,
    name: str | None = None,
    asked: dict[str, Any] | None = None,
    token: str = "",
) -> Job:
    """Start the job of a checked request.

    Args:
        services: The home.
        prepared: What was checked.
        name: The job's; where None, ``customize-MODEL``, with a suffix where that is taken.
        asked: The request in the words of the wire it came by.
        token: See ``Services.submit``.

    Raises:
        AlreadyExists: There is another job of that name.
    """
    request = to_json(prepared.request)
    if name is not None:
        return services.submit(JobKind.CUSTOMIZATION, name, request, asked=asked, token=token)
    name = f"customize-{prepared.request.model}"
    try:
        return services.submit(JobKind.CUSTOMIZATION, name, request, asked=asked, token=token)
    except AlreadyExists:
        name = f"{name}-{new_job_id()}"
        return services.submit(JobKind.CUSTOMIZATION, name, request, asked=asked, token=token)


def _method(method: str) -> Customization:
    try:
        return Customization(method)
    except ValueError:
        want = f"one of {', '.join(known.value for known in Customization)}"
        raise InvalidInput([Fault("request", None, "method", repr(method), want)]) from None


def require_free(services: Services, name: str) -> None:
    """Make sure that no model has a name, and that no job is making one that will.

    Raises:
        AlreadyExists: There is one.
    """
    try:
        services.catalog.model(name)
    except NotFound:
        pass
    else:
        raise AlreadyExists(f"there is a model or alias named {name!r} already; choose another name, or remove it")
    for job in services.catalog.jobs(sorted(set(Status) - ENDED)):
        if job.request.get("model") == name:
            raise AlreadyExists(f"job {job.name} is making a model named {name!r} already; follow it, or stop it first")


@dataclass(frozen=True)
class _Data:
    """What to train on: training data, and perhaps validation data after it; and where tables are to be written."""

    purpose: Purpose
    places: tuple[str, ...]
    output: str | None


def _checked(
    services: Services,
    tokenizer: ChatTokenizer,
    model: Model,
    name: str,
    method: Customization,
    given: Mapping[str, Any],
    data: _Data,
) -> tuple[Hyperparameters, list[DatasetCheck]]:
    """The hyperparameters and the checks of the datasets; the faults of all of them together."""
    faults = [*name_faults("model", name), *output_faults(data.output)]
    # A record can't keep more tokens than the model takes, whatever the table's default is.
    usual = {"max_length": min(choose(method, {}).max_length, tokenizer.context), **_shape(model)}
    hyperparameters = choose(method, usual)
    try:
        hyperparameters = choose(method, {**usual, **given})
    except InvalidInput as error:
        faults.extend(error.faults)
    faults += _shape_faults(model, given) + _stopping_faults(hyperparameters, data)
    total = len(faults)
    encoding = encoding_of(hyperparameters)
    checks = [check_at(services, place, data.purpose, tokenizer, encoding) for place in data.places]
    for found in checks:
        faults.extend(found.faults)
        total += found.n_faults
    if never := _never_stops(checks[0]):
        faults.append(never)
        total += 1
    if faults:
        raise InvalidInput(faults, total)
    return hyperparameters, checks


def _never_stops(train: DatasetCheck) -> Fault | None:
    """What is wrong where no record would teach the model to end its turn."""
    if train.purpose is not Purpose.FINE_TUNING or train.n_faults or train.tokens is None or train.tokens.n_ends_turn:
        return None
    want = "records whose end of turn is learnt: else the model never stops; look at one with `outcrop data show`"
    return Fault(train.path, None, "", "no end of turn that carries loss", want)


def _shape(model: Model) -> dict[str, Any]:
    """The hyperparameters that an adapter's shape fixes, where a model is one."""
    if model.kind is not ModelKind.ADAPTER or model.lineage is None:
        return {}
    return {name: value for name, value in model.lineage.hyperparameters.items() if name in LORA_ONLY}


def _shape_faults(model: Model, given: Mapping[str, Any]) -> list[Fault]:
    return [
        Fault("hyperparameters", None, name, repr(given[name])[:80], f"{value}, as the adapter {model.name} has it")
        for name, value in _shape(model).items()
        if name in given and given[name] != value
    ]


def _stopping_faults(values: Hyperparameters, data: _Data) -> list[Fault]:
    """What early stopping lacks."""
    held_out = len(data.places) > 1
    wrong = []
    if values.early_stopping_patience and not held_out and not values.evaluation_percentage:
        wrong.append(("early_stopping_patience", "0, or validation data: a file, or an evaluation_percentage"))
    if values.early_stopping_metric != "loss":
        neither = named(values.early_stopping_metric).direction is Direction.NONE
        if neither or not held_out or data.purpose is not Purpose.FINE_TUNING:
            wrong.append(
                (
                    "early_stopping_metric",
                    "loss; or a metric with a better end, for fine-tuning with validation data",
                )
            )
    return [Fault("hyperparameters", None, name, repr(getattr(values, name)), want) for name, want in wrong]


def _number_format(wanted: str, device: str) -> str:
    """The format that ``auto`` means on a device."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if device.startswith("cuda") and has_bfloat16(device) else "float32"


def _dataset(found: DatasetCheck) -> Dataset:
    return Dataset(found.path, found.content_hash)


def _require_room(services: Services, foreseen: Estimate, device: str) -> None:
    """Refuse what can't end well: a full disk or memory would be found out after hours."""
    free = shutil.disk_usage(services.settings.home).free
    if foreseen.disk > free:
        raise NotSupported(
            f"{services.settings.home}: has {size(free)} free, the job needs about {size(foreseen.disk)}; "
            "`outcrop disk` shows what may go"
        )
    memory = _memory_of(device)
    if foreseen.memory > memory:
        raise NotSupported(
            f"{'this machine' if device == 'cpu' else device} has {size(memory)} of memory, the job needs about "
            f"{size(foreseen.memory)}; use the method lora, a smaller batch_size or a smaller max_length"
        )


def _memory_of(device: str) -> int:
    """Bytes that a job may use there."""
    if device == "cpu":
        return usable_memory()
    import torch

    return int(torch.cuda.get_device_properties(device).total_memory)
