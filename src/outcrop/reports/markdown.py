"""A report as Markdown, for a pull request or a wiki: the same order and the same numbers as the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from outcrop.domain.scores import Comparison, EvaluatedModel, Moved, MovedRecord, Outcome, Report, Score
from outcrop.reports import numbers
from outcrop.reports.judges import JudgeSection, judge_section
from outcrop.reports.robustness import (
    GAP_HEADS,
    Line,
    gaps_by_model,
    perturbed_heads,
    perturbed_lead,
    perturbed_lines,
)
from outcrop.reports.sections import Section, metrics, scores_by_model, sections
from outcrop.reports.texts import metric_label, one_line, setting, trimmed
from outcrop.reports.verdict import reading

#: Bytes of a text and records each way: Markdown is read where long texts get in the way.
TEXT_LIMIT = 1_500
MOST_MOVED = 5

MARKUP = re.compile(r"([\\`*_\[\]<>#|~&$@]|:(?=//)|^[-+]|(?<=^\d)\.)")
WORDS = {Outcome.BETTER: "Better", Outcome.WORSE: "Worse", Outcome.UNDECIDED: "Can’t tell", Outcome.ALONE: "Alone"}


def render_markdown(report: Report) -> str:
    """The report as GitHub-flavoured Markdown; no text of a model or a dataset can act as markup in it."""
    parts = [_head(report), _scores(report)]
    for section in sections(report):
        parts += _section(report, section)
    parts += [*_gaps(report), *_robustness(report)]
    parts += [part for judge in report.judges for part in _judge(judge_section(judge))]
    return "\n\n".join(filter(None, [*parts, _method(report)])) + "\n"


def _gaps(report: Report) -> Iterator[str]:
    label = metric_label(report.primary)
    for model, lines in gaps_by_model(report):
        yield f"## {escaped(label)} of each category beside the others: {escaped(model)}\n\n{_table(GAP_HEADS, lines)}"


def _robustness(report: Report) -> Iterator[str]:
    if found := report.robustness:
        yield f"## Robustness\n\n{escaped(perturbed_lead(found))}\n\n" + _table(
            perturbed_heads(report), perturbed_lines(found)
        )


def _table(heads: Sequence[str], lines: Sequence[Line]) -> str:
    return table(list(map(escaped, heads)), [[escaped(line.head), *map(escaped, line.cells)] for line in lines])


def _head(report: Report) -> str:
    created = datetime.fromtimestamp(report.created, UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [f"# {escaped(report.name)}"]
    for one in report.verdicts:
        lines.append(f"**{WORDS[one.outcome]}: {escaped(one.headline)}**")
        lines.append(escaped(one.detail))
    lines.append(f"{escaped(report.task)}, {numbers.records(report.n_records)}, {created}.")
    return "\n\n".join(filter(None, lines))


def _scores(report: Report) -> str:
    scores = scores_by_model(report)
    head = ["Metric", *(escaped(model.name) for model in report.models), "Scored"]
    rows = []
    for metric in metrics(report):
        found = [scores.get((metric, model.name)) for model in report.models]
        counts = dict.fromkeys(numbers.scored(one.n_scored, one.n_given) for one in found if one is not None)
        rows.append([escaped(metric_label(metric)), *map(_score, found), "; ".join(counts)])
    return f"## Scores\n\nWith 95% intervals.\n\n{table(head, rows)}"


def _score(score: Score | None) -> str:
    return numbers.UNKNOWN if score is None else f"{numbers.score_value(score)} ({numbers.score_interval(score)})"


def _section(report: Report, section: Section) -> Iterator[str]:
    pair = f"{escaped(section.candidate.name)} minus {escaped(report.models[0].name)}"
    yield f"## {pair}\n\n{_comparisons(report, 'Metric', section.comparisons)}"
    if section.groups:
        title = f"### {escaped(metric_label(report.primary))} by category: {pair}"
        yield f"{title}\n\n{_comparisons(report, 'Category', section.groups)}"
    if section.moved is not None:
        yield _moved(report, section.moved)


def _comparisons(report: Report, first: str, comparisons: Iterable[Comparison]) -> str:
    rows = []
    for one in comparisons:
        name = metric_label(one.metric) if one.group is None else one.group
        rows.append(
            [
                escaped(name),
                numbers.difference(one),
                numbers.difference_interval(one),
                numbers.p_value(one.p_value),
                numbers.p_value(one.p_holm),
                numbers.count(one.n),
                reading(one),
            ]
        )
    return table([first, "Difference", "95% interval", "p", "p (Holm)", "n", "Reading"], rows)


def _moved(report: Report, moved: Moved) -> str:
    counts = (moved.n_improved, moved.n_worsened, moved.n_equal)
    improved, worsened, same = map(numbers.count, counts)
    lines = [
        f"### Records that moved most: {escaped(moved.candidate)}",
        f"By {escaped(metric_label(moved.metric))}: {improved} improved, {worsened} got worse, {same} stayed the same.",
    ]
    for title, records in (("Got worse", moved.worsened), ("Improved", moved.improved)):
        lines += [_record(report, moved, record, title) for record in records[:MOST_MOVED]]
    return "\n\n".join(lines)


def _record(report: Report, moved: Moved, record: MovedRecord, title: str) -> str:
    old, new = numbers.against(record.values.get(moved.baseline), record.values.get(moved.candidate))
    category = f", {escaped(record.category)}" if record.category is not None else ""
    texts: list[tuple[str, str | None]] = [("Prompt", record.prompt), ("Reference", record.reference)]
    texts += [(name, record.responses.get(name)) for name in (moved.baseline, moved.candidate)]
    blocks = [f"{escaped(label)}:\n\n{_fenced(report, record, text)}" for label, text in texts if text is not None]
    return "\n\n".join([f"#### {title}: line {record.line}{category} ({old} → {new})", *blocks])


def _fenced(report: Report, record: MovedRecord, text: str) -> str:
    """The text in a fence longer than any run of backticks within it, so that it can't end the fence."""
    shown, left_out = trimmed(text, TEXT_LIMIT)
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    job = escaped(report.job)
    more = (
        f"\n\n… and {numbers.count(left_out)} more characters; whole in records.jsonl of job {job}." if left_out else ""
    )
    return f"{fence}text\n{shown}\n{fence}{more}"


def _judge(section: JudgeSection) -> Iterator[str]:
    yield f"## {escaped(section.title)}"
    yield "\n".join(f"- {escaped(sentence)}" for sentence in section.sentences)
    for one in section.tables:
        rows = [[escaped(cell) for cell in row] for row in one.rows]
        yield f"### {escaped(one.caption)}\n\n{table([escaped(cell) for cell in one.head], rows)}"
    yield "### How this was judged\n\n" + "\n".join(f"- {escaped(fact)}" for fact in section.method)


def _method(report: Report) -> str:
    generation = ", ".join(f"{name}={setting(value)}" for name, value in sorted(report.generation.items()))
    asked = ", ".join(
        f"{name}={setting(value)}" for name, value in sorted(report.prompting.items()) if value is not None
    )
    versions = ", ".join(f"{name} {value}" for name, value in sorted(report.versions.items()))
    facts = [
        ("Job", report.job),
        ("Data", f"{report.data_uri}, sha256 {report.data_hash}, {numbers.records(report.n_records)}"),
        ("Primary metric", metric_label(report.primary)),
        *((("Asked", asked),) if asked else ()),
        ("Generation", generation or "not recorded"),
        ("Versions", versions or "not recorded"),
        ("Machine", report.machine or "not recorded"),
        *(("Signature", signature) for signature in dict.fromkeys(score.signature for score in report.scores)),
        *(("Method", method) for method in _methods(report)),
        *((f"Model {model.name}", _model(model)) for model in report.models),
    ]
    return "## How this was measured\n\n" + "\n".join(f"- {escaped(name)}: {escaped(value)}" for name, value in facts)


def _methods(report: Report) -> list[str]:
    methods = [score.method for score in report.scores] + [one.method for one in report.comparisons]
    return list(dict.fromkeys(filter(None, methods)))


def _model(model: EvaluatedModel) -> str:
    facts = [model.kind, f"weights sha256 {model.weights}", model.source]
    facts += [f"made from {model.base}"] if model.base else []
    facts += [f"base weights sha256 {model.base_weights}"] if model.base_weights else []
    facts += [f"trained on {model.trained_on}"] if model.trained_on else []
    facts += [f"{name.replace('_', ' ')} {numbers.figure(name, value)}" for name, value in model.efficiency.items()]
    return "; ".join(facts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of GitHub-flavoured Markdown; its cells must be escaped already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """The text on one line with everything that Markdown or HTML could take for markup escaped."""
    return MARKUP.sub(r"\\\1", one_line(text))
