"""A model as judge: what is asked of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from outcrop.domain.generation import GenerationParameters
from outcrop.domain.models import Identity
from outcrop.domain.scores import Direction


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
class PeopleLabel:
    """What a person said of a response to the record of a ``line``.

    ``answer`` is a rating's answer; of a pair, ``baseline``, ``candidate`` or ``tie``.
    """

    line: int
    model: str
    criterion: str
    answer: str


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
        labels: What people said of the same responses; judges are measured against it.
        shares: Of each judge, the names of the criteria that it judges by; all of them where empty.
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
    labels: tuple[PeopleLabel, ...] = ()
    shares: tuple[tuple[str, ...], ...] = ()

    def by(self, names: Collection[str]) -> JudgeRequest:
        """The same by some of the criteria."""
        return replace(self, criteria=tuple(one for one in self.criteria if one.name in names))

    def of(self, judge: int) -> JudgeRequest:
        """The same by those criteria that a judge, by its place, judges by."""
        return self.by(self.shares[judge]) if self.shares else self
