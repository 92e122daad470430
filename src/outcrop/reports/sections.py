"""A report by candidate: what belongs to each later model, in the order it is told."""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.domain.models import CurvePoint
from outcrop.domain.scores import Comparison, EvaluatedModel, Moved, Report, Score, Verdict
from outcrop.reports.numbers import known


@dataclass(frozen=True)
class Section:
    """One later model against the first."""

    candidate: EvaluatedModel
    verdict: Verdict | None
    comparisons: tuple[Comparison, ...]
    groups: tuple[Comparison, ...]
    moved: Moved | None


def sections(report: Report) -> list[Section]:
    """One section per later model: the primary metric's comparison first, the groups with the largest loss first."""
    return [_section(report, number, model) for number, model in enumerate(report.models[1:])]


def _section(report: Report, number: int, model: EvaluatedModel) -> Section:
    comparisons = [one for one in report.comparisons if one.candidate == model.name]
    groups = [one for one in report.groups if one.candidate == model.name]
    return Section(
        candidate=model,
        verdict=report.verdicts[number] if number < len(report.verdicts) else None,
        comparisons=tuple(sorted(comparisons, key=lambda one: one.metric != report.primary)),
        groups=tuple(sorted(groups, key=_worst_first)),
        moved=next((one for one in report.moved if one.candidate == model.name), None),
    )


def _worst_first(comparison: Comparison) -> tuple[bool, float, str]:
    """Groups without an interval last; a lower-is-better difference turned round."""
    gain = signed_gain(comparison)
    return gain is None, gain or 0.0, comparison.group or ""


def signed_gain(comparison: Comparison) -> float | None:
    """How much better the candidate is, whichever way better is; None without an interval."""
    if known(comparison.low) is None or known(comparison.high) is None:
        return None
    difference = known(comparison.difference)
    return -difference if difference is not None and comparison.direction == "lower" else difference


def metrics(report: Report) -> list[str]:
    """The metrics of the report, the primary one first, the others in the order of the scores."""
    names = dict.fromkeys(score.metric for score in report.scores)
    return sorted(names, key=lambda name: name != report.primary)


def scores_by_model(report: Report) -> dict[tuple[str, str], Score]:
    """The scores by metric and model."""
    return {(score.metric, score.model): score for score in report.scores}


def thinned(curve: tuple[CurvePoint, ...], most: int) -> tuple[CurvePoint, ...]:
    """About ``most`` points of a curve, evenly picked; both ends stay, and the validated points if they fit."""
    if len(curve) <= most:
        return curve
    stride = -(-len(curve) // most)
    validated = sum(point.validation_loss is not None for point in curve)
    kept = [
        point
        for number, point in enumerate(curve)
        if number % stride == 0 or number == len(curve) - 1 or (validated <= most and point.validation_loss is not None)
    ]
    return tuple(kept)
