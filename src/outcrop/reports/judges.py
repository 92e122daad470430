"""What judges said, as sentences and tables: HTML, Markdown and terminal print the same.

Where a judge agrees with itself no more than chance may, ``unreliable`` stands in place of its scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from outcrop.domain.scores import (
    Agreement,
    BiasCheck,
    Comparison,
    JudgedCriterion,
    JudgedScore,
    JudgeReport,
    Reliability,
)
from outcrop.reports import numbers
from outcrop.reports.texts import one_line, quoted, setting
from outcrop.reports.verdict import reading

#: Categories of all criteria that are shown; the others are in the report's JSON.
MOST_GROUPS = 40

BETWEEN = {"orders": "both orders", "repeats": "repeats", "people": "people"}


@dataclass(frozen=True)
class JudgeTable:
    """A table: its caption, the heads of its columns, and its rows as texts."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class JudgeSection:
    """What is printed of a judge: a title, sentences that sum it up, the tables they rest on, and how it was done."""

    title: str
    sentences: tuple[str, ...]
    tables: tuple[JudgeTable, ...]
    method: tuple[str, ...]


def judge_section(report: JudgeReport) -> JudgeSection:
    """What is printed of a judge."""
    tables = (_scores, _comparisons, _groups, _agreements, _biases, _counts)
    return JudgeSection(
        f"Judged by {quoted(report.judge)}",
        tuple(_sentences(report)),
        tuple(one for make in tables if (one := make(report)).rows),
        tuple(_method(report)),
    )


def label(criterion: str) -> str:
    """A criterion's name as people write it, with or without what follows it."""
    return one_line(criterion.removeprefix("Builtin."))


def _sentences(report: JudgeReport) -> Iterator[str]:
    for one in report.criteria:
        yield _reliability(report, one)
    yield from map(_bias_sentence, report.biases)
    unreadable = sum(one.counts.unreadable for one in report.criteria)
    asked = sum(one.counts.asked for one in report.criteria)
    if unreadable:
        share = numbers.percent(unreadable / asked)
        yield (
            f"{numbers.count(unreadable)} of {numbers.count(asked)} rulings ({share}) can’t be read, however often "
            "they were asked for. They are in no value; intervals reach from all of them at their worst to all at best."
        )
        if 2 * unreadable > asked:
            yield "This judge does not keep to the form that it is asked for: take a larger one."
    too_long = sum(one.counts.too_long for one in report.criteria)
    if too_long:
        yield f"{numbers.count(too_long)} questions were too long for the judge’s context and were not asked."
    for name in report.own:
        why = "judges tend to prefer what they wrote themselves"
        yield f"{quoted(name)} is the judge itself, or was made from it: {why}."


def _reliability(report: JudgeReport, one: JudgedCriterion) -> str:
    wanted = "orders" if report.pairwise else "repeats"
    found = next((agreement for agreement in one.agreements if agreement.between == wanted), None)
    name = label(one.criterion)
    if found is None:
        return f"{name}: whether the judge agrees with itself was not measured. Ask each question twice or more."
    if one.reliability is Reliability.UNKNOWN:
        return f"{name}: whether the judge agrees with itself can’t be told ({found.method})."
    asked = "asked in the other order" if report.pairwise else "asked again"
    facts = f"{found.coefficient} {_value(found.value, found.low, found.high)}"
    if one.reliability is Reliability.UNRELIABLE:
        return f"{name} is unreliable: {asked}, the judge agrees with itself no more than chance may ({facts})."
    return f"{name}: {asked}, the judge agrees with itself ({facts}; the same in {numbers.percent(found.same)})."


def _bias_sentence(check: BiasCheck) -> str:
    if check.value is None or check.low is None or check.high is None:
        return f"Whether there is {check.kind} bias can’t be told ({check.subject}): {check.method}."
    p = numbers.p_value(check.p_holm)
    facts = f"{_value(check.value, check.low, check.high)} where {check.expected:g} is none ({p})"
    facts = f"the first place gets a share of {facts}" if check.kind == "position" else f"correlation {facts}"
    subject = "" if check.kind == "position" else f" in {check.subject}"
    if not check.found:
        leaves_out = not check.low <= check.expected <= check.high
        hint = f"A hint of {check.kind} bias{subject}, which may be chance"
        return f"{hint if leaves_out else f'No {check.kind} bias was found{subject}'}: {facts}."
    more = check.value > check.expected
    if check.kind == "position":
        return f"Position bias: the judge prefers what stands {'first' if more else 'second'}; {facts}."
    way = "longer" if more else "shorter"
    if check.adjusted:
        return f"Length bias{subject}: {way} responses do better than they are; {facts}."
    return f"{way.capitalize()} responses do better{subject}, or are better: {facts}; no reference tells."


def _value(value: float | None, low: float | None, high: float | None) -> str:
    decimals = numbers.places(value, low, high)
    between = numbers.interval(low, high, decimals)
    return f"{numbers.fixed(value, decimals)} ({between})" if between else numbers.fixed(value, decimals)


def _scores(report: JudgeReport) -> JudgeTable:
    head = ("Criterion", "Model", "Score", "95% interval", "If unreadable: worst, best", "Scored")
    rows = [_score(one, judged) for one in report.criteria for judged in one.scores]
    return JudgeTable("Scores", head, tuple(rows))


def _score(one: JudgedCriterion, judged: JudgedScore) -> tuple[str, ...]:
    score = judged.score
    scored = numbers.scored(score.n_scored, score.n_given)
    name = label(score.metric)
    if one.reliability is Reliability.UNRELIABLE:
        return name, score.model, "unreliable", "", "", scored
    unit = f" {score.unit}" if score.unit else ""
    ends = ""
    if judged.worst != judged.best:
        decimals = numbers.places(score.value, score.low, score.high)
        ends = f"{numbers.fixed(judged.worst, decimals)}, {numbers.fixed(judged.best, decimals)}"
    return name, score.model, numbers.score_value(score) + unit, numbers.score_interval(score), ends, scored


def _comparisons(report: JudgeReport) -> JudgeTable:
    caption = (
        "Preferences: wins less losses, as a share of records" if report.pairwise else "Comparison on the same records"
    )
    rows = [
        (label(found.metric), f"{found.candidate} minus {found.baseline}", *_compared(one, found))
        for one in report.criteria
        for found in one.comparisons
    ]
    head = ("Criterion", "Models", "Difference", "95% interval", "p", "p (Holm)", "n", "Reading")
    return JudgeTable(caption, head, tuple(rows))


def _compared(one: JudgedCriterion, found: Comparison) -> tuple[str, ...]:
    if one.reliability is Reliability.UNRELIABLE:
        return "unreliable", "", "", "", numbers.count(found.n), "unreliable"
    return (
        numbers.difference(found),
        numbers.difference_interval(found),
        numbers.p_value(found.p_value).removeprefix("p = ").removeprefix("p "),
        numbers.p_value(found.p_holm).removeprefix("p = ").removeprefix("p "),
        numbers.count(found.n),
        reading(found),
    )


def _groups(report: JudgeReport) -> JudgeTable:
    rows = [
        (label(found.metric), found.group or "", f"{found.candidate} minus {found.baseline}", *_compared(one, found))
        for one in report.criteria
        if one.reliability is not Reliability.UNRELIABLE
        for found in one.groups
    ]
    head = ("Criterion", "Category", "Models", "Difference", "95% interval", "p", "p (Holm)", "n", "Reading")
    return JudgeTable("By category", head, tuple(rows[:MOST_GROUPS]))


def _agreements(report: JudgeReport) -> JudgeTable:
    rows = [_agreement(one, found) for one in report.criteria for found in one.agreements]
    head = ("Criterion", "Between", "Coefficient", "Value", "95% interval", "The same", "n")
    return JudgeTable("Agreement beyond chance: 1 is full, 0 is chance", head, tuple(rows))


def _agreement(one: JudgedCriterion, found: Agreement) -> tuple[str, ...]:
    decimals = numbers.places(found.value, found.low, found.high)
    return (
        label(one.criterion),
        BETWEEN.get(found.between, found.between),
        found.coefficient,
        numbers.fixed(found.value, decimals),
        numbers.interval(found.low, found.high, decimals) or found.method,
        numbers.percent(found.same),
        numbers.count(found.n),
    )


def _biases(report: JudgeReport) -> JudgeTable:
    rows = [
        (
            check.kind,
            check.subject,
            _value(check.value, check.low, check.high),
            f"{check.expected:g}",
            numbers.p_value(check.p_holm).removeprefix("p = ").removeprefix("p "),
            numbers.count(check.n),
            "found" if check.found else "not found" if check.p_holm is not None else "can’t tell",
        )
        for check in report.biases
    ]
    head = ("Bias", "Looked at", "Value, 95% interval", "Without bias", "p (Holm)", "n", "Reading")
    return JudgeTable("Bias", head, tuple(rows))


def _counts(report: JudgeReport) -> JudgeTable:
    fields = ("asked", "read", "not_applicable", "unreadable", "too_long", "unasked", "asked_again")
    rows = [
        (label(one.criterion), *(numbers.count(getattr(one.counts, field)) for field in fields))
        for one in report.criteria
    ]
    head = (
        "Criterion",
        "Asked",
        "Read",
        "Does not apply",
        "Unreadable",
        "Too long",
        "Could not be asked",
        "Asked again",
    )
    return JudgeTable("Rulings", head, tuple(rows))


def _method(report: JudgeReport) -> list[str]:
    """What the numbers mean and how they were made, each fact once."""
    way = "each pair in both orders" if report.pairwise else "each response alone"
    often = "once" if report.repeats == 1 else f"{report.repeats} times"
    generation = ", ".join(f"{name}={setting(value)}" for name, value in sorted(report.generation.items()))
    facts = [f"{report.judge}, weights sha256 {report.weights}, was asked about {way}, {often}; {generation}."]
    cost = [
        f"{name.replace('_', ' ')} {numbers.figure(name, value)}" for name, value in report.figures.items() if value
    ]
    facts += [f"That took: {', '.join(cost)}."] if cost else []
    facts += [f"{check.kind.capitalize()} bias is {check.definition}." for check in report.biases]
    facts += [f"Signature: {judged.score.signature}" for one in report.criteria for judged in one.scores]
    methods = [judged.score.method for one in report.criteria for judged in one.scores]
    methods += [found.method for one in report.criteria for found in (*one.comparisons, *one.groups)]
    methods += [found.method for one in report.criteria for found in one.agreements]
    methods += [check.method for check in report.biases]
    return list(dict.fromkeys([*facts, *(f"Method: {method}" for method in methods if method)]))
