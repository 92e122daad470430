"""Perturbed prompts of an evaluation job: asked as the others are, and held against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from outcrop.domain.requests import Perturbing
from outcrop.domain.scores import Robustness
from outcrop.evaluation import robustness, scoring
from outcrop.evaluation.items import said
from outcrop.evaluation.perturbations import Perturbed, signed
from outcrop.evaluation.scoring import Scored
from outcrop.evaluation.tasks import TaskType
from outcrop.jobs.answers import Answers, Asking
from outcrop.metrics.protocol import Metric, TextMetric
from outcrop.metrics.robustness.drop import drop
from outcrop.metrics.robustness.responses import Responses


@dataclass(frozen=True)
class Asked:
    """A model that was asked, by name, with what it answered.

    Attributes:
        model: Its name.
        answers: To the records.
        perturbed: To their variants.
        repeated: To the records again, ``REPEATS`` times each; None for a model that always answers the same.
    """

    model: str
    answers: Answers
    perturbed: Answers
    repeated: Answers | None = None


def again(asking: Asking) -> Asking | None:
    """The same records asked more often, so that chance can be told from perturbation; None without chance."""
    if asking.generation.temperature == 0 or asking.prompter.prompting.asked != "generate":
        return None
    records = [record for record in asking.records for _ in range(robustness.REPEATS)]
    # A sample follows from its seed and its place, and the first places would give the first responses again.
    generation = replace(asking.generation, seed=(asking.generation.seed + 1) % 2**31)
    return replace(asking, part=f"{asking.part}-again", records=records, generation=generation)


@dataclass(frozen=True)
class Spoilt:
    """The variants of each record's prompt, and the records that ask them, in the same order."""

    variants: Sequence[tuple[Perturbed, ...]]
    asking: Asking

    @classmethod
    def of(cls, asking: Asking, perturbing: Perturbing) -> Spoilt:
        """The variants of the records of a dataset."""
        prompts = [record.prompt for record in asking.records]
        made = robustness.variants(prompts, perturbing.kinds, seed=perturbing.seed, n=perturbing.variants)
        records = [
            replace(record, prompt=one.text) for record, own in zip(asking.records, made, strict=True) for one in own
        ]
        return cls(made, replace(asking, part=f"{asking.part}-perturbed", records=records))


def report(
    kind: TaskType,
    metric: TextMetric,
    builtin: TextMetric | None,
    spoilt: Spoilt,
    original: Asking,
    asked: Sequence[Asked],
    perturbing: Perturbing,
    *,
    seed: int,
    clusters: Sequence[str] | None,
    tell: Callable[[int], None],
) -> tuple[Robustness, dict[str, list[float]]]:
    """What the perturbed prompts cost each model; and ``Builtin.Robustness`` of each record, by model.

    Args:
        kind: The task type.
        metric: Of which the drop is taken.
        builtin: What ``Builtin.Robustness`` is the delta of; None for the words of open-ended responses.
        spoilt: The variants.
        original: The records as they are.
        asked: The models, the baseline first.
        perturbing: How the variants were made.
        seed: Of what is drawn in intervals and tests.
        clusters: What dependent records share.
        tell: Hears how many records and metrics of a model are done.
    """
    groups = [(one,) for one in perturbing.kinds] + ([perturbing.kinds] if len(perturbing.kinds) > 1 else [])
    scores, comparisons = [], []
    by_record: dict[str, list[float]] = {}
    for kinds in groups:
        signature = signed(kinds, seed=perturbing.seed, n=perturbing.variants)
        metrics: list[Metric[Any]] = [drop(metric, signature)]
        if perturbing.builtin and kinds == perturbing.kinds:
            metrics.append(robustness.builtin_robustness(builtin, signature))
        rows = [_scored(kind, one, spoilt, original, kinds, metrics, tell) for one in asked]
        by_record |= {one.model: _by_record(metrics[1], one) for one in rows if len(metrics) > 1}
        scores += [score for one in rows for score in scoring.scores(one, metrics, seed=seed, clusters=clusters)]
        comparisons += scoring.comparisons(rows, metrics, seed=seed, clusters=clusters)
    found = Robustness(
        kinds=perturbing.kinds,
        variants=perturbing.variants,
        seed=perturbing.seed,
        n_prompts=len(spoilt.asking.records),
        examples=tuple(_examples(spoilt, original, perturbing)),
        scores=tuple(scores),
        comparisons=tuple(scoring.corrected(comparisons)),
    )
    return found, by_record


def _by_record(metric: Metric[Any], scored: Scored) -> list[float]:
    """The metric of each record alone; NaN where it has none."""
    rows = scored.rows[metric.name]
    values = metric.per_record(rows)
    alone = metric.of_sums(rows) if values is None else values
    return [] if alone is None else [float(value) for value in alone]


def _scored(
    kind: TaskType,
    asked: Asked,
    spoilt: Spoilt,
    original: Asking,
    kinds: Sequence[str],
    metrics: Sequence[Metric[Any]],
    tell: Callable[[int], None],
) -> Scored:
    labels = original.prompter.labels
    items: list[Responses] = robustness.responses(
        [said(kind.read, answer, labels) for answer in asked.answers.answers],
        spoilt.variants,
        [said(kind.read, answer, labels) for answer in asked.perturbed.answers],
        [record.right for record in original.records],
        kinds=kinds,
        repeats=_repeats(kind, asked, labels),
    )
    return scoring.score_items(asked.model, items, [item.original for item in items], metrics, tell)


def _repeats(kind: TaskType, asked: Asked, labels: Sequence[str]) -> list[tuple[str, ...]]:
    if asked.repeated is None:
        return []
    texts = [said(kind.read, answer, labels) or "" for answer in asked.repeated.answers]
    return [tuple(texts[start : start + robustness.REPEATS]) for start in range(0, len(texts), robustness.REPEATS)]


def _examples(spoilt: Spoilt, original: Asking, perturbing: Perturbing) -> list[tuple[str, str, str]]:
    """Of each kind the first prompt that it changes."""
    found: dict[str, tuple[str, str, str]] = {}
    for record, own in zip(original.records, spoilt.variants, strict=True):
        for one in own:
            found.setdefault(one.kind, (one.kind, record.prompt, one.text))
        if len(found) == len(perturbing.kinds):
            break
    return [found[kind] for kind in perturbing.kinds if kind in found]
