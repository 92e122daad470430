"""Estimates of customizations: by formula, or by a probe, whose result is kept in the home's cache."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from outcrop.data.checking import DatasetCheck
from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.domain.models import Customization
from outcrop.domain.requests import CustomizationRequest, encoding_of
from outcrop.models.chat import ChatTokenizer
from outcrop.models.cost import ALL, model_size
from outcrop.roof import read_roof
from outcrop.services import Services
from outcrop.trainers.estimate import USUAL_SHARE, Estimate, Probed, Run, Volume, estimate, estimate_probed
from outcrop.versions import machine, versions

#: Hyperparameters that change neither the time of a step nor its memory.
_FREE = (
    *("epochs", "learning_rate", "learning_rate_multiplier", "warmup_steps", "schedule", "weight_decay", "alpha"),
    *("rslora", "gradient_clip", "validations", "early_stopping_patience", "early_stopping_threshold"),
    "early_stopping_metric",
)


@dataclass(frozen=True)
class Subject:
    """What is estimated: a checked request, the checks of its data, and the device."""

    request: CustomizationRequest
    checks: Sequence[DatasetCheck]
    tokenizer: ChatTokenizer
    device: str


def foresee(services: Services, subject: Subject, *, probe: bool) -> Estimate:
    """What a customization will take.

    Args:
        services: The home.
        subject: What is to be run.
        probe: Make a probe where none is kept; without it, a kept one is used, or else the formula.

    Raises:
        NotSupported: The probe failed; the message has its last words.
    """
    run = _run(services, subject)
    file = services.settings.cache_folder / "probes" / f"{_key(subject)}.json"
    probed = _kept(file)
    if probed is None and probe:
        probed = _probe(services, subject)
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(to_json(probed)), encoding="utf-8")
    if probed is not None:
        return estimate_probed(run, probed, services.settings.checkpoint_seconds)
    return estimate(run, _seen_share(services, subject.request.method))


def _run(services: Services, subject: Subject) -> Run:
    request = subject.request
    model = services.catalog.model(request.base)
    root = model if model.base is None else services.catalog.model(model.base)
    return Run(
        size=model_size(services.store.get_folder(root.uri), request.hyperparameters.targets or ALL),
        volume=_volume(subject),
        hyperparameters=request.hyperparameters,
        lora=request.method is Customization.LORA,
        roof=read_roof(services.settings.cache_folder, subject.device),
    )


def _volume(subject: Subject) -> Volume:
    train = subject.checks[0].tokens
    held_out = subject.checks[1].tokens if len(subject.checks) > 1 else None
    assert train is not None
    values = subject.request.hyperparameters
    # Without a file of validation data, a share of the records may be held out; the longest may be on either side.
    share = 0.0 if held_out or train.n_sequences < 2 else values.evaluation_percentage / 100
    tokens, loss_tokens = train.total_after_truncation, train.carrying_loss
    held_tokens, held_loss = round(share * tokens), round(share * loss_tokens)
    return Volume(
        records=train.n_sequences - round(share * train.n_sequences),
        tokens=tokens - held_tokens,
        loss_tokens=loss_tokens - held_loss,
        longest=min(train.lengths.maximum, values.max_length),
        usual_longest=min(int(train.lengths.p95), values.max_length),
        validation_tokens=held_out.total_after_truncation if held_out else held_tokens,
        validation_loss_tokens=held_out.carrying_loss if held_out else held_loss,
    )


def _seen_share(services: Services, method: Customization) -> float:
    """The share of the roof that the last run of this method reached in this home."""
    newest = sorted(services.catalog.models(), key=lambda model: model.created)
    lineages = [model.lineage for model in newest if model.lineage is not None]
    figures = [lineage.figures for lineage in lineages if lineage.method is method]
    shares = [found["roof_share"] for found in figures if found.get("roof_share")]
    return shares[-1] if shares else USUAL_SHARE


def _key(subject: Subject) -> str:
    """A name for all that a probe's result depends on: SHA-256, in hex."""
    import torch

    request = to_json(subject.request)
    values = {name: value for name, value in request["hyperparameters"].items() if name not in _FREE}
    data = [None if each is None else each.hash for each in (subject.request.train, subject.request.validation)]
    parts = [
        *(machine(), subject.device, torch.get_num_threads(), versions()),
        *(request["base_identity"], request["method"], request["purpose"], values, data),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8")).hexdigest()


def _kept(file: Path) -> Probed | None:
    try:
        return from_json(Probed, json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, InvalidInput):
        return None


def _probe(services: Services, subject: Subject) -> Probed:
    """Probe in a process of its own, which gives its memory back and whose peak is nobody else's."""
    from outcrop.jobs.datasets import as_tokens

    request = subject.request
    for dataset in filter(None, (request.train, request.validation)):
        # Here, so that the time of loading has none of it: the job finds it done.
        as_tokens(services, dataset, subject.tokenizer, encoding_of(request.hyperparameters), request.purpose)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "outcrop.jobs.probe"],
        input=json.dumps(to_json(request)),
        env={**os.environ, **services.settings.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()
        ended = f"was ended by signal {-done.returncode}" if done.returncode < 0 else "failed"
        raise NotSupported(
            f"the probe {ended}{': ' + words[-1][:300] if words else ''}; too little memory is the usual reason: "
            "use the method lora, a smaller batch_size or a smaller max_length, or estimate without a probe"
        )
    return from_json(Probed, json.loads(done.stdout))
