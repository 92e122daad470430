"""What is asked of a job, typed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum

from outcrop.domain.errors import Fault
from outcrop.domain.generation import GenerationParameters
from outcrop.domain.hyperparameters import Hyperparameters
from outcrop.domain.judging import JudgeRequest
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
class Prompting:
    """How records become what a model is asked.

    Attributes:
        asked: ``generate``, ``choose`` or ``read``; see ``evaluation.tasks``.
        template: A text with ``{{prompt}}``.
        chat: Whether the model's chat template is used.
        shots: Examples with their right responses that stand before each record.
        examples: Where they are drawn from.
    """

    asked: str = "generate"
    template: str = "{{prompt}}"
    chat: bool = True
    shots: int = 0
    examples: Dataset | None = None

    @property
    def signature(self) -> str:
        """What changes a score: unlike signatures are not comparable."""
        prompt = hashlib.sha256(self.template.encode()).hexdigest()[:8]
        drawn = f"{self.shots}" if self.examples is None else f"{self.shots} of {self.examples.hash[:8]}"
        return f"asked:{self.asked}|chat:{'yes' if self.chat else 'no'}|shots:{drawn}|template:{prompt}"


@dataclass(frozen=True)
class Perturbing:
    """Prompts that are asked besides, spoilt as people spoil them.

    Attributes:
        kinds: Which perturbations; see ``evaluation.perturbations``.
        variants: How many variants of each kind that has chance in it.
        seed: Of what is drawn.
        builtin: Whether ``Builtin.Robustness`` is reported, of all kinds together.
    """

    kinds: tuple[str, ...]
    variants: int = 5
    seed: int = 5
    builtin: bool = False


@dataclass(frozen=True)
class WrittenAs:
    """What Bedrock's file of a dataset calls things, in the words of whoever asked for it.

    Attributes:
        dataset: The dataset's name.
        task: The task type, as Bedrock writes it.
        metrics: Which metrics it has, those of judges not counted.
    """

    dataset: str
    task: str
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class EvaluationPart:
    """A dataset that models are scored on, and how.

    Attributes:
        name: The dataset's, in reports.
        data: The dataset.
        task: The task type.
        metrics: Names of metrics; the verdict rests on the first.
        prompting: How records become what a model is asked.
        generation: How responses are generated.
        perturbing: How prompts are spoilt to see what that costs; None where they are not.
        limit: How many records are drawn, by content and the job's seed; None for all.
        columns: As what the columns of the data and the examples are read, such as ``prompt=question``.
        judged_by: Names of those of the judges' criteria that count here; None for all.
        written_as: What Bedrock's file calls it all; None for our names, and every metric.
    """

    name: str
    data: Dataset
    task: str
    metrics: tuple[str, ...]
    prompting: Prompting = field(default_factory=Prompting)
    generation: GenerationParameters = field(default_factory=GenerationParameters)
    perturbing: Perturbing | None = None
    limit: int | None = None
    columns: str = ""
    judged_by: tuple[str, ...] | None = None
    written_as: WrittenAs | None = None


@dataclass(frozen=True)
class EvaluationRequest:
    """Score models on datasets.

    Attributes:
        models: Their names; the first is the baseline of every comparison.
        identities: Which models those were when the job was submitted, in the same order; None for one of ``stored``.
        parts: The datasets.
        seed: Decides all that is random in scoring, and which examples are shown.
        stored: Those of ``models`` whose responses came with the data.
        judging: Models that judge the responses, by what and how; None for none.
        output: A folder or an ``s3://`` address for the records as Bedrock writes them; None for nowhere.
        price_per_hour: Of this machine, in any currency; None where it is not known.
        identifiers: What Bedrock's files call models and judges, by our names; those that are missing go by these.
    """

    models: tuple[str, ...]
    identities: tuple[Identity | None, ...]
    parts: tuple[EvaluationPart, ...]
    seed: int = 0
    stored: tuple[str, ...] = ()
    judging: JudgeRequest | None = None
    output: str | None = None
    price_per_hour: float | None = None
    identifiers: dict[str, str] = field(default_factory=dict)

    def judging_of(self, part: EvaluationPart) -> JudgeRequest | None:
        """What judges are asked of a dataset; None where they are asked nothing."""
        if self.judging is None or part.judged_by is None:
            return self.judging
        return self.judging.by(part.judged_by) if part.judged_by else None


@dataclass(frozen=True)
class StoredFile:
    """A file below a folder: its name from there on, its size in bytes, when it changed, in seconds since the epoch."""

    name: str
    size: int
    changed: float


@dataclass(frozen=True)
class ImportRequest:
    """Bring a model's files from elsewhere, and add it as ``model``.

    Attributes:
        model: Its name here.
        source: A folder, or an ``s3://`` address, with safetensors and what belongs to them.
        files: What made the model there when the job was submitted.
    """

    model: str
    source: str
    files: tuple[StoredFile, ...]


class Wording(StrEnum):
    """In whose words a model is asked: those of its family, as InvokeModel takes them, or those of Converse."""

    INVOKE = "invoke"
    CONVERSE = "converse"


@dataclass(frozen=True)
class InvocationFile:
    """A file of records as it was when the job was submitted.

    Attributes:
        name: Its name, from the folder on that the job was given; what comes of it has it with ``.out`` behind.
        data: Where it is.
        records: How many it has.
    """

    name: str
    data: Dataset
    records: int


@dataclass(frozen=True)
class InvocationRequest:
    """Let a model answer every record of some files.

    Attributes:
        asked_model: The model's name.
        identity: Which model that was when the job was submitted.
        asked_as: How whoever asked named it.
        family: The id of a foundation model in whose family's words it is asked; "" where each body shows that.
        source: The file of records, or the folder of such files, that the job was given.
        files: The files.
        output: A folder, or an ``s3://`` address.
        wording: In whose words the model is asked, and answers.
        hours: After so many from when it was submitted the job ends with what it has; None for never.
    """

    asked_model: str
    identity: Identity
    asked_as: str
    family: str
    source: str
    files: tuple[InvocationFile, ...]
    output: str
    wording: Wording = Wording.INVOKE
    hours: float | None = None

    @property
    def records(self) -> int:
        """How many there are in all files."""
        return sum(file.records for file in self.files)


def name_faults(where: str, name: str) -> list[Fault]:
    """What is wrong with the name of a job, a model or an alias."""
    if _NAME.fullmatch(name):
        return []
    want = "1 to 128 letters, digits, '-', '_', '.' or ':', beginning with a letter or digit"
    return [Fault(where, None, "name", repr(name)[:160], want)]
