"""Customization: everything is checked before the job begins."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from outcrop.app.data import absolute, check_at, tokenizer_of
from outcrop.data.checking import DatasetCheck
from outcrop.domain.codec import to_json
from outcrop.domain.errors import AlreadyExists, Fault, InvalidInput, NotFound, NotSupported
from outcrop.domain.hyperparameters import Hyperparameters, choose
from outcrop.domain.jobs import ENDED, Job, JobKind
from outcrop.domain.models import Customization, Model
from outcrop.domain.records import Encoding, Purpose
from outcrop.domain.requests import CustomizationRequest, Dataset, name_faults
from outcrop.domain.units import size
from outcrop.models.chat import ChatTokenizer
from outcrop.models.cost import model_size
from outcrop.models.device import choose_device
from outcrop.roof import read_roof
from outcrop.services import Services, new_job_id
from outcrop.trainers.estimate import USUAL_SHARE, Estimate, Volume, estimate


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
    given: Mapping[str, Any] | None = None,
) -> PreparedCustomization:
    """Check a customization from end to end, without starting it.

    Raises:
        InvalidInput: Faults in names, data or hyperparameters: all of them.
        NotFound: There is no such base model.
        AlreadyExists: A model of that name is there, or a job is making one.
        NotSupported: The base does not allow the method, or memory or disk would not do.
    """
    wanted = _method(method)
    model = services.catalog.model(base)
    if reason := model.customizations.get(wanted.value, "it is not known to"):
        raise NotSupported(f"{model.name} does not support {wanted.value}: {reason}")
    require_free(services, name)
    tokenizer = tokenizer_of(services, model)
    assert tokenizer is not None, "a model that can be customised has a tokenizer"
    hyperparameters, checks = _checked(services, tokenizer, name, wanted, given or {}, train, validation)
    device = choose_device(services.settings.device)
    foreseen = _estimate(services, model, wanted, hyperparameters, checks, device)
    _require_room(services, foreseen, device)
    request = CustomizationRequest(
        model=name,
        base=model.name,
        base_identity=model.identity,
        method=wanted,
        train=_dataset(checks[0]),
        validation=_dataset(checks[1]) if len(checks) > 1 else None,
        hyperparameters=hyperparameters,
    )
    return PreparedCustomization(request, checks[0], checks[1] if len(checks) > 1 else None, foreseen, device)


def submit_customization(services: Services, prepared: PreparedCustomization) -> Job:
    """Start the job of a checked request; it is named ``customize-MODEL``, with a suffix where that is taken."""
    name = f"customize-{prepared.request.model}"
    try:
        return services.submit(JobKind.CUSTOMIZATION, name, to_json(prepared.request))
    except AlreadyExists:
        return services.submit(JobKind.CUSTOMIZATION, f"{name}-{new_job_id()}", to_json(prepared.request))


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
    for job in services.catalog.jobs():
        if job.kind is JobKind.CUSTOMIZATION and job.status not in ENDED and job.request.get("model") == name:
            raise AlreadyExists(f"job {job.name} is making a model named {name!r} already; follow it, or stop it first")


def _checked(
    services: Services,
    tokenizer: ChatTokenizer,
    name: str,
    method: Customization,
    given: Mapping[str, Any],
    train: str | Path,
    validation: str | Path | None,
) -> tuple[Hyperparameters, list[DatasetCheck]]:
    """The hyperparameters and the checks of the datasets; the faults of all of them together."""
    faults = name_faults("model", name)
    total = len(faults)
    # A record can't keep more tokens than the model takes, whatever the table's default is.
    longest = min(choose(method, {}).max_length, tokenizer.context)
    hyperparameters = choose(method, {"max_length": longest})
    try:
        hyperparameters = choose(method, {"max_length": longest, **given})
    except InvalidInput as error:
        faults.extend(error.faults)
        total += error.total
    places = [absolute(place) for place in (train, validation) if place is not None]
    encoding = Encoding(hyperparameters.max_length)
    checks = [check_at(services, place, Purpose.FINE_TUNING, tokenizer, encoding) for place in places]
    for found in checks:
        faults.extend(found.faults)
        total += found.n_faults
    if faults:
        raise InvalidInput(faults, total)
    return hyperparameters, checks


def _dataset(found: DatasetCheck) -> Dataset:
    return Dataset(found.path, found.content_hash)


def _estimate(
    services: Services,
    model: Model,
    method: Customization,
    hyperparameters: Hyperparameters,
    checks: list[DatasetCheck],
    device: str,
) -> Estimate:
    size = model_size(services.store.get_folder(model.uri))
    train = checks[0].tokens
    held_out = checks[1].tokens if len(checks) > 1 else None
    assert train is not None
    volume = Volume(
        records=checks[0].n_records,
        tokens=train.total_after_truncation,
        loss_tokens=train.carrying_loss,
        longest=min(train.lengths.maximum, hyperparameters.max_length),
        validation_tokens=held_out.total_after_truncation if held_out else 0,
        validation_loss_tokens=held_out.carrying_loss if held_out else 0,
    )
    roof = read_roof(services.settings.cache_folder, device)
    share = _seen_share(services, method)
    return estimate(size, volume, hyperparameters, lora=method is Customization.LORA, roof=roof, share=share)


def _seen_share(services: Services, method: Customization) -> float:
    """The share of the roof that the last run of this method reached in this home."""
    newest = sorted(services.catalog.models(), key=lambda model: model.created)
    lineages = [model.lineage for model in newest if model.lineage is not None]
    figures = [lineage.figures for lineage in lineages if lineage.method is method]
    shares = [found["roof_share"] for found in figures if found.get("roof_share")]
    return shares[-1] if shares else USUAL_SHARE


def _require_room(services: Services, foreseen: Estimate, device: str) -> None:
    """Refuse what can't end well: a full disk or memory would be found out after hours."""
    free = shutil.disk_usage(services.settings.home).free
    if foreseen.disk > free:
        raise NotSupported(
            f"{services.settings.home}: has {size(free)} free, the job needs about {size(foreseen.disk)}; "
            "`outcrop disk` shows what may go"
        )
    memory = psutil.virtual_memory().total
    if device == "cpu" and foreseen.memory > memory:
        raise NotSupported(
            f"this machine has {size(memory)} of memory, the job needs about {size(foreseen.memory)}; "
            "use the method lora, a smaller batch_size or a smaller max_length"
        )
