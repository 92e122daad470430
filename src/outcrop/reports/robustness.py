"""What perturbed prompts cost, and how categories differ, as tables of plain texts for every form of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outcrop.domain.scores import GroupGap, Outcome, Report, Robustness, Score
from outcrop.reports import numbers
from outcrop.reports.numbers import known
from outcrop.reports.texts import metric_label
from outcrop.reports.verdict import SIGNIFICANT, outcome, reading

#: Gaps that a report shows of a model; those that are left out are the smallest groups.
MOST_GAPS = 30


@dataclass(frozen=True)
class Line:
    """A row of a table: its heading, its cells, and the outcome that colours it; ``undecided`` for none."""

    head: str
    cells: tuple[str, ...]
    outcome: Outcome = Outcome.UNDECIDED


def perturbed_heads(report: Report) -> tuple[str, ...]:
    """The heads of the table of what perturbed prompts cost."""
    compared = len(_models(report.robustness)) > 1 if report.robustness else False
    models = _models(report.robustness) if report.robustness else []
    return ("Under", *models, *(("Reading",) if compared else ()))


def perturbed_lines(found: Robustness) -> list[Line]:
    """What each kind of perturbation costs each model, with intervals; of several models, which loses more."""
    models = _models(found)
    lines = []
    for metric in dict.fromkeys(score.metric for score in found.scores):
        row = {score.model: score for score in found.scores if score.metric == metric}
        compared = [one for one in found.comparisons if one.metric == metric]
        words = tuple("; ".join(filter(None, (reading(one) for one in compared))) for _ in compared[:1])
        decided = outcome(compared[0]) if len(compared) == 1 else Outcome.UNDECIDED
        lines.append(Line(metric_label(metric), (*(_cell(row.get(model)) for model in models), *words), decided))
    return lines


def perturbed_lead(found: Robustness) -> str:
    """What the table is about, in a sentence or two."""
    kinds = ", ".join(kind.replace("_", " ") for kind in found.kinds)
    return (
        f"Each model was asked {numbers.count(found.n_prompts)} perturbed prompts besides ({kinds}; up to "
        f"{found.variants} variants of a prompt, seed {found.seed}). "
        "A drop is what the metric loses: above 0 is worse, below 0 a gain."
    )


def gap_lines(gaps: Sequence[GroupGap]) -> list[Line]:
    """How each category of a model fares beside all the others, the largest first."""
    return [_gap(gap) for gap in gaps[:MOST_GAPS]]


def gaps_by_model(report: Report) -> list[tuple[str, list[Line]]]:
    """The lines of each model that has categories large enough to be set beside the others."""
    sized = [gap for gap in report.gaps if known(gap.difference) is not None]
    names = dict.fromkeys(gap.model for gap in sized)
    return [(name, gap_lines([gap for gap in sized if gap.model == name])) for name in names]


GAP_HEADS = ("Category", "Value", "The others", "Difference", "95% interval", "p (Holm)", "n")


def _gap(gap: GroupGap) -> Line:
    decimals = numbers.places(gap.difference, gap.low, gap.high)
    bounded = known(gap.low) is not None and known(gap.high) is not None
    cells = (
        numbers.fixed(gap.value, decimals),
        numbers.fixed(gap.others, decimals),
        numbers.fixed(gap.difference, decimals, signed=True) if bounded else numbers.UNKNOWN,
        numbers.interval(gap.low, gap.high, decimals, signed=True) if bounded else "too few records",
        numbers.p_value(gap.p_holm).removeprefix("p = ").removeprefix("p "),
        numbers.count(gap.n),
    )
    return Line(gap.group, cells, _outcome(gap))


def _outcome(gap: GroupGap) -> Outcome:
    p_holm, difference = known(gap.p_holm), known(gap.difference)
    if p_holm is None or difference is None or p_holm >= SIGNIFICANT or gap.direction == "none":
        return Outcome.UNDECIDED
    return Outcome.BETTER if (difference > 0) == (gap.direction == "higher") else Outcome.WORSE


def _models(found: Robustness) -> list[str]:
    return list(dict.fromkeys(score.model for score in found.scores))


def _cell(score: Score | None) -> str:
    if score is None:
        return numbers.UNKNOWN
    unit = f" {score.unit}" if score.unit else ""
    return f"{numbers.score_value(score)}{unit} ({numbers.score_interval(score)})"
