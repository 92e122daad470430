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


@dataclass(frozen=True)
class GroupGap:
    """How one group fares beside all the others, in one metric.

    Attributes:
        model: Whose responses were scored.
        metric: Its name.
        group: The group.
        value, others: The metric over the group and over the other groups' records; None where it is undefined.
        difference: ``value - others``; None where one is missing or the group is too small.
        low, high: Bounds of the 95 % interval of the difference; None where there is none.
        p_value: Two-sided, of no difference.
        p_holm: ``p_value`` after Holm's correction over all groups.
        n, n_others: How many records have a value.
        method: What made bounds and p-value, or why there are none.
        direction: Which way the metric is better.
    """

    model: str
    metric: str
    group: str
    value: float | None
    others: float | None
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_holm: float | None
    n: int
    n_others: int
    method: str
    direction: Direction


@dataclass(frozen=True)
class Robustness:
    """What perturbed prompts cost.

    Attributes:
        kinds: Which perturbations; see ``evaluation.perturbations``.
        variants: How many variants of a prompt, of each kind that has chance in it.
        seed: Of what was drawn.
        n_prompts: How many perturbed prompts each model was asked.
        examples: Of each kind, a prompt as it is and as it was asked.
        scores: Of each model the drop under each kind and under all, and ``Builtin.Robustness`` where it was asked for.
        comparisons: Every later model against the first.
    """

    kinds: tuple[str, ...]
    variants: int
    seed: int
    n_prompts: int
    examples: tuple[tuple[str, str, str], ...]
    scores: tuple[Score, ...]
    comparisons: tuple[Comparison, ...]


class Reliability(StrEnum):
    """Whether a judge agrees with itself: beyond chance, no more than chance may do, or it is not known."""

    RELIABLE = "reliable"
    UNRELIABLE = "unreliable"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Agreement:
    """How far two sets of rulings agree beyond chance.

    Attributes:
        between: ``orders``, ``repeats`` or ``people``.
        coefficient: Its name; 1 is full agreement and 0 is chance.
        value: None where there is nothing to agree on, or every ruling is the same.
        low, high: 95 % interval; None where there are too few records for one.
        same: The share of pairs of rulings that are the same.
        n: How many pairs, or of more than two repeats how many responses, were compared.
        method: What made the interval, or why there is none.
    """

    between: str
    coefficient: str
    value: float | None
    low: float | None
    high: float | None
    same: float | None
    n: int
    method: str


@dataclass(frozen=True)
class BiasCheck:
    """Whether something that should not count moved the rulings.

    Attributes:
        kind: ``position`` or ``length``.
        subject: What was looked at: all rulings, or a candidate's.
        value: What was measured; ``definition`` says what that is. None where it can't be.
        low, high: 95 % interval; None where there are too few records.
        expected: The value without bias.
        p_value: Two-sided, of no bias.
        p_holm: After Holm's correction over all checks of the judge.
        found: Whether ``p_holm`` is below 0.01.
        n: How many independent records or clusters were looked at.
        definition: What the value is, in a sentence.
        method: What made interval and p-value, or why there are none.
        adjusted: Whether the quality of the responses was taken into account.
    """

    kind: str
    subject: str
    value: float | None
    low: float | None
    high: float | None
    expected: float
    p_value: float | None
    p_holm: float | None
    found: bool
    n: int
    definition: str
    method: str
    adjusted: bool = True


@dataclass(frozen=True)
class RulingCounts:
    """What became of the questions of one criterion.

    ``asked`` is the sum of ``read``, ``not_applicable``, ``unreadable`` and ``too_long`` (for the judge's context).
    ``unasked`` had no response or lacked a text that the criterion names. ``asked_again`` were answered at least twice.
    """

    asked: int
    read: int
    not_applicable: int
    unreadable: int
    too_long: int
    unasked: int
    asked_again: int


@dataclass(frozen=True)
class JudgedScore:
    """A model's score by a criterion.

    The value is over the rulings that could be read. ``worst`` and ``best`` are the value with every unreadable ruling
    taken as the worst and as the best rating, and the score's interval reaches from the lower bound of the one to the
    upper bound of the other.
    """

    score: Score
    worst: float | None
    best: float | None


@dataclass(frozen=True)
class JudgedCriterion:
    """What a judge said by one criterion.

    Attributes:
        criterion: Its name.
        reliability: Where it is ``unreliable``, scores and comparisons are no evidence and are not printed.
        agreements: Of the judge with itself, and with people where they judged too.
        scores: Of each model; empty where responses were compared in pairs.
        comparisons: Every later model against the first; for pairs the difference is the share of records on which
            the candidate is preferred less the share on which the baseline is.
        groups: The same within each category.
        counts: What became of the questions.
    """

    criterion: str
    reliability: Reliability
    agreements: tuple[Agreement, ...]
    scores: tuple[JudgedScore, ...]
    comparisons: tuple[Comparison, ...]
    groups: tuple[Comparison, ...]
    counts: RulingCounts


@dataclass(frozen=True)
class JudgeReport:
    """What one judge said.

    Attributes:
        judge: Its name.
        weights: SHA-256 of its weights.
        pairwise: Whether responses were compared in pairs.
        repeats: How often each question was asked.
        criteria: By criterion, in the order of the request.
        biases: Every check that could be made.
        own: Models that are the judge itself, or were made from it.
        generation: How rulings were generated, as plain JSON.
        figures: What the rulings cost: ``prompt_tokens``, ``generated_tokens``, ``seconds``, and of a remote judge
            ``cost``.
    """

    judge: str
    weights: str
    pairwise: bool
    repeats: int
    criteria: tuple[JudgedCriterion, ...]
    biases: tuple[BiasCheck, ...]
    own: tuple[str, ...]
    generation: dict[str, object] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)


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
        gaps: Of each model and category, how it fares beside the others, in the primary metric.
        robustness: What perturbed prompts cost; None where none were asked.
        judges: What models said that judged the responses.
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
    gaps: tuple[GroupGap, ...] = ()
    robustness: Robustness | None = None
    judges: tuple[JudgeReport, ...] = ()
