"""Scores, comparisons, and the report they add up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from outcrop.domain.models import CurvePoint


class Direction(StrEnum):
    """Which way a metric is better; ``none`` where neither is (a length ratio)."""

    HIGHER = "higher"
    LOWER = "lower"
    NONE = "none"


@dataclass(frozen=True)
class Score:
    """One metric of one model: never a number alone.

    ``low`` and ``high`` bound the 95 % interval that ``method`` made; None where there are too few records for one.
    """

    model: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n_scored: int
    n_given: int
    signature: str
    method: str
    unit: str
    direction: Direction


@dataclass(frozen=True)
class Comparison:
    """Candidate minus baseline on the records that both have a value for.

    Attributes:
        metric, baseline, candidate: What is compared.
        difference: Mean of the paired differences; None where no record has both values.
        low, high: 95 % interval of the difference; None where there are too few records.
        p_value: Two-sided, of no difference.
        p_holm: ``p_value`` after Holm's correction over all comparisons of the report.
        n: How many records were paired.
        method: What made the interval and the p-value.
        direction: Which way is better.
        group: The category the comparison is confined to; None for all records.
    """

    metric: str
    baseline: str
    candidate: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_holm: float | None
    n: int
    method: str
    direction: Direction
    group: str | None = None


class Outcome(StrEnum):
    """What a comparison lets one say."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"
    ALONE = "alone"


@dataclass(frozen=True)
class Verdict:
    """The report's first sentence: an outcome, a headline a product owner understands, and what it rests on."""

    outcome: Outcome
    headline: str
    detail: str


@dataclass(frozen=True)
class MovedRecord:
    """A record on which baseline and candidate differ most; ``values`` and ``responses`` are by model name."""

    line: int
    category: str | None
    prompt: str
    reference: str | None
    responses: dict[str, str]
    values: dict[str, float]
    difference: float


@dataclass(frozen=True)
class Moved:
    """The records that moved most in the metric, both ways, worst and best first."""

    metric: str
    baseline: str
    candidate: str
    improved: tuple[MovedRecord, ...]
    worsened: tuple[MovedRecord, ...]
    n_improved: int
    n_worsened: int
    n_equal: int


@dataclass(frozen=True)
class EvaluatedModel:
    """A model as a report names it: by hash, with the work its responses cost and, if custom, how it was trained.

    ``efficiency`` holds figures such as ``tokens_per_second``, ``padding_share``, ``roof_share``, ``near_ties``.
    """

    name: str
    kind: str
    weights: str
    template: str
    source: str
    base: str | None
    efficiency: dict[str, float]
    trained_on: str | None = None
    curve: tuple[CurvePoint, ...] = ()
    base_weights: str | None = None


@dataclass(frozen=True)
class Report:
    """What an evaluation job leaves.

    Attributes:
        job, name: The job's id and name.
        created: Seconds since the epoch.
        task: The task type.
        data_uri, data_hash, n_records: The dataset, by place and SHA-256.
        primary: The metric the verdict rests on.
        models: The models, the baseline first.
        scores: Every metric of every model, in the order of ``models``.
        comparisons: Every later model against the first, on all records.
        groups: The same for the primary metric, within each category.
        moved: One per later model.
        verdicts: One per later model, or one for a model alone.
        generation: The generation parameters, as plain JSON.
        prompting: How records became what the models were asked, as plain JSON.
        dataset: The dataset's name.
        versions: Of Outcrop, Python and the libraries that computed.
        machine: Where it ran.
    """

    job: str
    name: str
    created: float
    task: str
    data_uri: str
    data_hash: str
    n_records: int
    primary: str
    models: tuple[EvaluatedModel, ...]
    scores: tuple[Score, ...]
    comparisons: tuple[Comparison, ...]
    groups: tuple[Comparison, ...]
    moved: tuple[Moved, ...]
    verdicts: tuple[Verdict, ...]
    generation: dict[str, object] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    prompting: dict[str, object] = field(default_factory=dict)
    dataset: str = ""
