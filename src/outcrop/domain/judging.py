"""A model as judge: what is asked of it, and the report of what it said."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from outcrop.domain.generation import GenerationParameters
from outcrop.domain.models import Identity
from outcrop.domain.scores import Comparison, Direction, Score


@dataclass(frozen=True)
class Rating:
    """One step of a rating scale.

    Attributes:
        answer: What the judge writes to choose it.
        definition: What it means.
        value: What it counts; None on a scale of words.
    """

    answer: str
    definition: str
    value: float | None


@dataclass(frozen=True)
class Criterion:
    """What a judge judges by.

    Attributes:
        name: Such as ``Builtin.Helpfulness``.
        instructions: What the judge is told. ``{{prompt}}``, ``{{prediction}}``, ``{{ground_truth}}`` and
            ``{{context}}`` stand for a record's texts; without any of them the texts follow the instructions.
        scale: The ratings there are, all with values or all without.
        direction: Which way values are better; ``none`` on a scale of words.
        may_not_apply: Whether the judge may say that the criterion does not apply to a record.
        shows_reference: Whether the reference is shown where instructions without variables are followed by texts.
    """

    name: str
    instructions: str
    scale: tuple[Rating, ...]
    direction: Direction
    may_not_apply: bool = True
    shows_reference: bool = False

    @property
    def numeric(self) -> bool:
        """Whether its ratings have values."""
        return self.scale[0].value is not None

    @property
    def values(self) -> tuple[float, ...]:
        """The values of its ratings; empty on a scale of words."""
        return tuple(rating.value for rating in self.scale if rating.value is not None)


@dataclass(frozen=True)
class JudgeRequest:
    """Let ``judges`` judge the responses of an evaluation job.

    Attributes:
        judges: The models that judge.
        identities: Which models those were when the job was submitted, in the same order.
        criteria: What they judge by.
        pairwise: Each later model's response is held against the first model's, in both orders; where False, each
            response is rated alone.
        repeats: How often each question is asked.
        attempts: How often more a question is asked whose answer can't be read, each time with another seed.
        generation: How rulings are generated.
    """

    judges: tuple[str, ...]
    identities: tuple[Identity, ...]
    criteria: tuple[Criterion, ...]
    pairwise: bool = False
    repeats: int = 2
    attempts: int = 2
    generation: GenerationParameters = field(
        default_factory=lambda: GenerationParameters(max_tokens=256, temperature=0.7)
    )


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
        figures: What the rulings cost: ``prompt_tokens``, ``generated_tokens``, ``seconds``.
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
