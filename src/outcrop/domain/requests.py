"""What is asked of a job, typed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from outcrop.domain.errors import Fault
from outcrop.domain.generation import GenerationParameters
from outcrop.domain.hyperparameters import Hyperparameters
from outcrop.domain.models import Customization, Identity
from outcrop.domain.records import Encoding, LongRecords, Purpose, Turns

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(frozen=True)
class Dataset:
    """A dataset as it was when the job was submitted; ``hash`` is what ``data.reading.content_hash`` gives."""

    path: str
    hash: str


@dataclass(frozen=True)
class CustomizationRequest:
    """Train a custom model named ``model`` from ``base``, which is the one with ``base_identity``.

    ``purpose`` says whether the data are answers to learn or texts; ``output`` is a folder or an ``s3://`` address for
    the curve's tables, None for nowhere.
    """

    model: str
    base: str
    base_identity: Identity
    method: Customization
    train: Dataset
    validation: Dataset | None
    hyperparameters: Hyperparameters
    purpose: Purpose = Purpose.FINE_TUNING
    output: str | None = None


def encoding_of(values: Hyperparameters) -> Encoding:
    """How a job with these hyperparameters turns records into tokens."""
    return Encoding(values.max_length, Turns(values.turns), LongRecords(values.long_records))


@dataclass(frozen=True)
class EvaluationRequest:
    """Score ``models`` on ``data``; the first is the baseline of every comparison.

    ``identities`` says which models those were when the job was submitted, in the same order.
    """

    models: tuple[str, ...]
    identities: tuple[Identity, ...]
    data: Dataset
    task: str
    metrics: tuple[str, ...]
    generation: GenerationParameters = field(default_factory=GenerationParameters)
    seed: int = 0


def name_faults(where: str, name: str) -> list[Fault]:
    """What is wrong with the name of a job, a model or an alias."""
    if _NAME.fullmatch(name):
        return []
    want = "1 to 128 letters, digits, '-', '_', '.' or ':', beginning with a letter or digit"
    return [Fault(where, None, "name", repr(name)[:160], want)]
