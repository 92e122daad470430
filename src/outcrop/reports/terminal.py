"""A report on a terminal: the verdict, the scores, the comparisons, how many records moved.

Nothing is said by colour alone, and where the terminal can't print them, quotes and dashes become plain ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from outcrop.domain.scores import Outcome, Report, Score, Verdict
from outcrop.reports import numbers
from outcrop.reports.judges import JudgeSection, judge_section
from outcrop.reports.robustness import perturbed_heads, perturbed_lead, perturbed_lines
from outcrop.reports.sections import Section, metrics, scores_by_model, sections
from outcrop.reports.texts import metric_label, one_line
from outcrop.reports.verdict import outcome, reading

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WORDS = {Outcome.BETTER: "BETTER", Outcome.WORSE: "WORSE", Outcome.UNDECIDED: "CAN’T TELL", Outcome.ALONE: "ALONE"}
STYLES = {Outcome.BETTER: "green", Outcome.WORSE: "red"}
PLAIN = str.maketrans({"–": "-", "−": "-", "“": '"', "”": '"', "’": "'", "…": "...", "→": "->", "·": "-"})


def render_terminal(report: Report, console: Console) -> None:
    """Print the report; it fits the console's width, wrapping long names."""
    for verdict in report.verdicts:
        _verdict(verdict, console)
    _scores(report, console)
    _latencies(report, console)
    for section in sections(report):
        _section(report, section, console)
    if report.robustness is not None:
        console.print()
        table = _table("Robustness", console, *perturbed_heads(report))
        for line in perturbed_lines(report.robustness):
            _row(table, console, line.head, *line.cells, style=STYLES.get(line.outcome, ""))
        console.print(table)
        console.print(_fit(perturbed_lead(report.robustness), console), markup=False, highlight=False)
    for judge in report.judges:
        _judge(judge_section(judge), console)


def _verdict(verdict: Verdict, console: Console) -> None:
    from rich.text import Text

    word = Text(_fit(WORDS[verdict.outcome], console), style=f"bold {STYLES.get(verdict.outcome, '')}".strip())
    console.print(word.append("  ").append(_fit(verdict.headline, console), style="bold"))
    if verdict.detail:
        console.print(Text(_fit(verdict.detail, console)))
    console.print()


def _scores(report: Report, console: Console) -> None:
    """One row for each metric, or where that is too wide, one for each metric of each model."""
    from rich.measure import Measurement

    table = _scores_wide(report, console)
    if Measurement.get(console, console.options.update(max_width=10_000), table).maximum > console.width:
        table = _scores_long(report, console)
    console.print(table)


def _scores_wide(report: Report, console: Console) -> Table:
    scores = scores_by_model(report)
    models = [model.name for model in report.models]
    table = _table("Scores, with 95% intervals", console, "Metric", *models, "Scored")
    for metric in metrics(report):
        found = [scores.get((metric, name)) for name in models]
        counts = dict.fromkeys(_counted(score) for score in found if score is not None)
        _row(table, console, metric_label(metric), *map(_score, found), ", ".join(counts))
    return table


def _scores_long(report: Report, console: Console) -> Table:
    scores = scores_by_model(report)
    table = _table("Scores, with 95% intervals", console, "Metric", "Model", "Score", "Scored")
    for metric in metrics(report):
        for model in report.models:
            score = scores.get((metric, model.name))
            if score is not None:
                _row(table, console, metric_label(metric), model.name, _score(score), _counted(score))
    return table


def _counted(score: Score) -> str:
    return f"{score.n_scored}/{score.n_given}"


def _score(score: Score | None) -> str:
    return numbers.UNKNOWN if score is None else f"{numbers.score_value(score)} ({numbers.score_interval(score)})"


def _latencies(report: Report, console: Console) -> None:
    """A line for each model whose responses were timed."""
    from rich.text import Text

    for model in report.models:
        found = {name: value for name, value in model.efficiency.items() if name.startswith("latency_")}
        if found:
            each = (f"{name.removeprefix('latency_')} {numbers.figure(name, value)}" for name, value in found.items())
            console.print(Text(_fit(f"Latency of {model.name}: {', '.join(each)}", console)))


def _section(report: Report, section: Section, console: Console) -> None:
    pair = f"{section.candidate.name} minus {report.models[0].name}"
    table = _table(pair, console, "Metric", "Difference", "95% interval", "p", "p (Holm)", "Reading")
    for one in section.comparisons:
        _row(
            table,
            console,
            metric_label(one.metric),
            numbers.difference(one),
            numbers.difference_interval(one),
            numbers.p_value(one.p_value).removeprefix("p = ").removeprefix("p "),
            numbers.p_value(one.p_holm).removeprefix("p = ").removeprefix("p "),
            reading(one),
            style=STYLES.get(outcome(one), ""),
        )
    console.print()
    console.print(table)
    if section.moved is not None:
        counts = (section.moved.n_improved, section.moved.n_worsened, section.moved.n_equal)
        words = "{} improved, {} got worse, {} stayed the same".format(*map(numbers.count, counts))
        label = metric_label(section.moved.metric)
        console.print(_fit(f"Records by {label}: {words}", console), markup=False, highlight=False)


def _judge(section: JudgeSection, console: Console) -> None:
    from rich.text import Text

    console.print()
    console.print(Text(_fit(section.title, console), style="bold"))
    for sentence in section.sentences:
        console.print(Text(_fit(sentence, console)))
    for one in section.tables:
        table = _table(one.caption, console, *one.head)
        for row in one.rows:
            _row(table, console, *row)
        console.print()
        console.print(table)


def _table(title: str, console: Console, *columns: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    caption = Text(_fit(title, console), style="bold")
    table = Table(title=caption, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(Text(_fit(column, console)), overflow="fold")
    return table


def _row(table: Table, console: Console, *cells: str, style: str = "") -> None:
    from rich.text import Text

    table.add_row(*(Text(_fit(cell, console)) for cell in cells), style=style)


def _fit(text: str, console: Console) -> str:
    """The text on one line, in what the terminal's encoding can print."""
    text = one_line(text)
    if not console.options.ascii_only:
        return text
    return text.translate(PLAIN).encode(console.encoding, "replace").decode(console.encoding)
