"""What a report lets one say: pure functions from scores and comparisons to words.

The primary metric was chosen beforehand, so its p-values are corrected among the candidates only; the other metrics and
the groups are looked at by the dozen, and corrected among themselves (``evaluation.scoring``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from outcrop.domain.scores import Comparison, Direction, Moved, Outcome, Reliability, Report, Score, Verdict
from outcrop.reports import numbers
from outcrop.reports.numbers import known
from outcrop.reports.sections import Section, sections, signed_gain
from outcrop.reports.texts import metric_label, one_line, quoted

SIGNIFICANT = 0.05

#: What a model does better or worse, by task type; spellings of both sides of the ocean, in lower case.
DEEDS = {
    "summarisation": "writes {} summaries",
    "summarization": "writes {} summaries",
    "questionandanswer": "gives {} answers",
    "questionanswering": "gives {} answers",
    "classification": "classifies {}",
    "translation": "translates {}",
    "extraction": "extracts {}",
    "multiplechoice": "chooses {}",
    "perplexity": "predicts these texts {}",
}


def outcome(comparison: Comparison) -> Outcome:
    """What a comparison shows: better or worse where its interval leaves zero out and Holm's correction agrees.

    Undecided otherwise, and always where no way is better; a comparison without a corrected p-value has its interval
    alone.
    """
    low, high, p_holm = known(comparison.low), known(comparison.high), known(comparison.p_holm)
    if comparison.direction == Direction.NONE or not _excludes_zero(low, high):
        return Outcome.UNDECIDED
    if p_holm is not None and p_holm >= SIGNIFICANT:
        return Outcome.UNDECIDED
    rose = low is not None and low > 0
    return Outcome.BETTER if rose == (comparison.direction == Direction.HIGHER) else Outcome.WORSE


def reading(comparison: Comparison) -> str:
    """The outcome in a word or two; "" where there is no interval to read, or no better way."""
    decided = outcome(comparison)
    if decided in (Outcome.BETTER, Outcome.WORSE):
        return decided.value
    bounded = known(comparison.low) is not None and known(comparison.high) is not None
    return "can’t tell" if bounded and comparison.direction != Direction.NONE else ""


def _excludes_zero(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and (low > 0 or high < 0)


def records_needed(comparison: Comparison) -> int | None:
    """About how many records would bring the interval's edge to zero, if the difference stayed as it is.

    An interval shrinks with the square root of n: ``n * (half-width / difference) ** 2``, the half towards zero. None
    where there is no difference or no interval.
    """
    difference, low, high = known(comparison.difference), known(comparison.low), known(comparison.high)
    if not difference or low is None or high is None:
        return None
    half = difference - low if difference > 0 else high - difference
    return numbers.rounded_up(max(comparison.n * (half / difference) ** 2, 1.0))


def verdict(
    baseline: Score,
    candidate: Score,
    comparison: Comparison,
    others: Sequence[Comparison] = (),
    moved: Moved | None = None,
    task: str = "",
    is_base: bool = False,
) -> Verdict:
    """The verdict on a candidate against the baseline, in words.

    Args:
        baseline: The baseline's score in the primary metric.
        candidate: The candidate's.
        comparison: The primary metric's paired comparison of the two, on all records.
        others: The same two compared in other metrics, and within groups.
        moved: The records that moved in the primary metric.
        task: The task type, which says what the model does better or worse.
        is_base: The baseline is the base model that the candidate was made from.
    """
    decided = outcome(comparison)
    baseline_name = "its base" if is_base else quoted(baseline.model)
    values = _values(baseline, candidate, comparison)
    deed = _deed(task, decided)
    if known(comparison.low) is None or known(comparison.high) is None:
        headline = _cannot_compare(comparison, baseline_name)
    elif comparison.direction == Direction.NONE:
        headline = _differs(comparison, baseline_name) + values + "."
    elif decided == Outcome.UNDECIDED:
        which = f"{quoted(candidate.model)} is better or worse than {baseline_name}"
        headline = f"These {numbers.records(comparison.n)} can’t tell whether {which}{values}."
    else:
        headline = f"{quoted(candidate.model)} {deed} than {baseline_name}{values}."
    sentences = (
        _difference(comparison, candidate),
        _doubt(comparison, decided),
        _moved(moved),
        _worst_group([one for one in others if one.group is not None]),
        _against_the_trend(decided, [one for one in others if one.group is None and one.metric != comparison.metric]),
    )
    return Verdict(decided, headline, " ".join(filter(None, sentences)))


def verdict_alone(score: Score) -> Verdict:
    """The verdict where there is one model: its score, and that nothing was compared."""
    label = metric_label(score.metric)
    if known(score.value) is None:
        headline = f"{quoted(score.model)} has no {label}: {numbers.score_interval(score)}."
        return Verdict(Outcome.ALONE, headline, f"{numbers.scored(score.n_scored, score.n_given)}.")
    headline = f"{quoted(score.model)} has {label} {numbers.score_value(score)}{_unit(score.unit)}."
    bounds = known(score.low) is not None and known(score.high) is not None
    certainty = f"95% interval {numbers.score_interval(score)}" if bounds else numbers.score_interval(score)
    detail = (
        f"{certainty[0].upper()}{certainty[1:]}, {numbers.scored(score.n_scored, score.n_given)}. One model alone "
        "shows where it stands, not whether it is better: evaluate it beside another one to compare them."
    )
    return Verdict(Outcome.ALONE, headline, detail)


def verdicts(report: Report) -> tuple[Verdict, ...]:
    """The verdicts of a report, one per later model or one for a model alone; those it already has are not read."""
    primary = {score.model: score for score in report.scores if score.metric == report.primary}
    if len(report.models) < 2:
        return tuple(verdict_alone(primary[model.name]) for model in report.models if model.name in primary)
    first = report.models[0]
    found = []
    for section in sections(report):
        comparison = next((one for one in section.comparisons if one.metric == report.primary), None)
        if comparison is None or first.name not in primary or section.candidate.name not in primary:
            found.append(_not_compared(section.candidate.name, first.name, report.primary))
            continue
        judged = _judged(report, section.candidate.name) if comparison.n == 0 else None
        if judged is not None:
            found.append(_by_judge(report, section, judged))
            continue
        found.append(
            verdict(
                primary[first.name],
                primary[section.candidate.name],
                comparison,
                others=(*section.comparisons, *section.groups),
                moved=section.moved,
                task=report.task,
                is_base=section.candidate.base == first.name,
            )
        )
    return tuple(found)


def _judged(report: Report, candidate: str) -> tuple[str, Comparison] | None:
    """The first judge who agrees with itself, and what it said of the candidate by its first such criterion."""
    for judge in report.judges:
        for criterion in judge.criteria:
            if criterion.reliability is Reliability.RELIABLE:
                return judge.judge, next(one for one in criterion.comparisons if one.candidate == candidate)
    return None


def _by_judge(report: Report, section: Section, judged: tuple[str, Comparison]) -> Verdict:
    """The verdict where no record has the primary metric, as where there are no references, and a judge was asked."""
    judge, found = judged
    comparison = replace(found, metric=found.metric.removeprefix("Builtin."))
    first, candidate = report.models[0].name, section.candidate
    baseline, own = (
        Score(name, comparison.metric, None, None, None, 0, report.n_records, "", "", "", comparison.direction)
        for name in (first, candidate.name)
    )
    made = verdict(baseline, own, comparison, task=report.task, is_base=candidate.base == first)
    why = f"No record has a {metric_label(report.primary)}, so this rests on what {quoted(judge)} said as a judge."
    return replace(made, detail=f"{why} {made.detail}".rstrip())


def _not_compared(candidate: str, baseline: str, metric: str) -> Verdict:
    headline = f"{quoted(candidate)} and {quoted(baseline)} were not compared: no {metric_label(metric)} of both."
    return Verdict(Outcome.UNDECIDED, headline, "")


def _unit(unit: str) -> str:
    return f" {one_line(unit)}" if unit else ""


def _deed(task: str, decided: Outcome) -> str:
    pattern = DEEDS.get("".join(filter(str.isalpha, task.lower())), "scores {}")
    return pattern.format("better" if decided == Outcome.BETTER else "worse")


def _values(baseline: Score, candidate: Score, comparison: Comparison) -> str:
    """The two values, unless they say the opposite of the paired difference because other records were scored."""
    label, difference = metric_label(comparison.metric), known(comparison.difference)
    new, old = known(candidate.value), known(baseline.value)
    lower = "; lower is better" if comparison.direction == Direction.LOWER else ""
    if new is None or old is None or (difference and (new - old) * difference <= 0):
        change = numbers.difference(comparison)
        return f": {label} {change} on the records that both have{lower}"
    value, other = numbers.against(new, old)
    return f": {label} {value}{_unit(candidate.unit)} against {other}{lower}"


def _cannot_compare(comparison: Comparison, baseline_name: str) -> str:
    pair = f"{quoted(comparison.candidate)} and {baseline_name} can’t be compared"
    if comparison.n == 0:
        return f"{pair}: no record has a {metric_label(comparison.metric)} for both."
    return f"{pair} yet: {numbers.too_few(comparison.n)}."


def _differs(comparison: Comparison, baseline_name: str) -> str:
    label = metric_label(comparison.metric)
    if _excludes_zero(known(comparison.low), known(comparison.high)):
        return f"{quoted(comparison.candidate)} differs from {baseline_name}, and neither way is better"
    return f"No difference seen between {quoted(comparison.candidate)} and {baseline_name} in {label}"


def _difference(comparison: Comparison, candidate: Score) -> str:
    """The difference with all that it rests on."""
    of = f"{numbers.count(comparison.n)} of {numbers.count(candidate.n_given)} records"
    if known(comparison.low) is None or known(comparison.high) is None:
        return f"{of} have a value for both models."
    facts = [f"95% interval {numbers.difference_interval(comparison)}", numbers.p_value(comparison.p_value)]
    holm = numbers.p_value(comparison.p_holm)
    if holm and holm != numbers.p_value(comparison.p_value):
        facts.append(f"{holm} after Holm’s correction")
    return f"The difference is {numbers.difference(comparison)} ({', '.join(filter(None, facts))}) over {of}."


def _doubt(comparison: Comparison, decided: Outcome) -> str:
    """What keeps the comparison from deciding, or from deciding firmly."""
    if comparison.direction == Direction.NONE or known(comparison.low) is None or known(comparison.high) is None:
        return ""
    p, holm = known(comparison.p_value), known(comparison.p_holm)
    clear = _excludes_zero(known(comparison.low), known(comparison.high))
    if clear and p is not None and p >= SIGNIFICANT:
        return "Interval and p-value disagree at this edge: a hint rather than proof."
    if decided != Outcome.UNDECIDED:
        return ""
    if clear and holm is not None:
        held = f"{numbers.p_value(holm)} after Holm’s correction"
        return f"The interval leaves zero out, but among so many comparisons one does so by chance ({held})."
    needed = records_needed(comparison)
    if needed is None:
        return "No difference was seen at all."
    if needed > 1_000_000:
        return "The difference seen is so small that a million records would not settle it."
    return f"To tell a difference as small as the one seen, it would take roughly {numbers.records(needed)}."


def _moved(moved: Moved | None) -> str:
    if moved is None or moved.n_improved + moved.n_worsened + moved.n_equal == 0:
        return ""
    better, worse, same = moved.n_improved, moved.n_worsened, moved.n_equal
    return (
        f"{numbers.records(better)} improved, {numbers.count(worse)} got worse, {numbers.count(same)} stayed the same."
    )


def _worst_group(groups: Sequence[Comparison]) -> str:
    """The category with the least gain, of those large enough for an interval; a loss is one only where decided."""
    sized = [one for one in groups if known(one.low) is not None]
    gains = [(gain, one) for one in sized if (gain := signed_gain(one)) is not None]
    if len(gains) < 2:
        return ""
    gain, worst = min(gains, key=lambda pair: (pair[0], pair[1].group))
    facts = f"{numbers.difference(worst)} ({numbers.difference_interval(worst)}, n={numbers.count(worst.n)})"
    name = quoted(worst.group or "")
    if outcome(worst) == Outcome.WORSE:
        return f"It got worse on {name}: {facts}."
    if gain < 0:
        return f"The weakest category is {name}: {facts}, which may be chance."
    return f"The smallest gain is on {name}: {facts}."


def _against_the_trend(decided: Outcome, others: Sequence[Comparison]) -> str:
    """Other metrics that moved against the verdict, or either way where there is none."""
    wanted = {Outcome.BETTER: [Outcome.WORSE], Outcome.WORSE: [Outcome.BETTER]}
    found = [(outcome(one), one) for one in others]
    against = [(end, one) for end, one in found if end in wanted.get(decided, [Outcome.WORSE, Outcome.BETTER])]
    if not against:
        return ""
    parts = [
        f"{metric_label(one.metric)} got {end.value} ({numbers.difference(one)}, {numbers.difference_interval(one)})"
        for end, one in against
    ]
    return f"{'But' if decided in wanted else 'Beside it,'} {'; '.join(parts)}."
