"""A report as one HTML file that needs nothing else: no network, no script, no font of its own.

Everything a model or a dataset wrote goes through the template's escaping; only this package's own SVG is marked safe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from outcrop.domain.models import CurvePoint
from outcrop.domain.scores import Comparison, Direction, EvaluatedModel, Moved, MovedRecord, Outcome, Report, Score
from outcrop.reports import charts, numbers
from outcrop.reports.curves import curve_svg
from outcrop.reports.judges import judge_section
from outcrop.reports.pages import page_environment
from outcrop.reports.robustness import GAP_HEADS, gaps_by_model, perturbed_heads, perturbed_lead, perturbed_lines
from outcrop.reports.sections import Section, metrics, scores_by_model, sections, thinned
from outcrop.reports.texts import metric_label, one_line, trimmed
from outcrop.reports.verdict import outcome, reading

if TYPE_CHECKING:
    from jinja2 import Environment

#: What keeps the file under a megabyte: bytes for all texts, bytes for one, records each way, groups, and curve points.
TEXT_BUDGET = 400_000
TEXT_LIMIT = 4_000
MOST_MOVED = 10
MOST_GROUPS = 40
MOST_POINTS = 200
#: A text longer than this gets a box to scroll in.
LONG_TEXT = 900

#: What stands for the unit of a metric that has none.
SHARE, NO_UNIT = "shares", "no unit"

TONES: dict[Outcome, charts.Tone] = {Outcome.BETTER: "good", Outcome.WORSE: "bad"}
DIRECTIONS = {
    Direction.HIGHER: "higher is better",
    Direction.LOWER: "lower is better",
    Direction.NONE: "neither way is better",
}


@dataclass(frozen=True)
class Row:
    """A comparison as a row: the two scores, what may be said of it, and its bar."""

    comparison: Comparison
    baseline: Score | None
    candidate: Score | None
    reading: str
    tone: charts.Tone
    bar: Markup


@dataclass(frozen=True)
class Block:
    """Rows that share a unit and so an axis."""

    unit: str
    axis: Markup
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Text:
    """A text as far as it is shown, and how many characters are not."""

    label: str
    shown: str
    left_out: int

    @property
    def is_long(self) -> bool:
        """Whether it gets a box to scroll in."""
        return len(self.shown) > LONG_TEXT or self.shown.count("\n") > 14


@dataclass(frozen=True)
class Card:
    """A moved record: its texts, and its two values with their difference."""

    record: MovedRecord
    prompt: Text
    texts: tuple[Text, ...]
    values: tuple[str, str]
    difference: str
    tone: charts.Tone


@dataclass(frozen=True)
class Part:
    """What the page shows of one candidate."""

    section: Section
    blocks: tuple[Block, ...]
    groups: Block | None
    groups_left_out: int
    moved_bar: Markup | None
    improved: tuple[Card, ...]
    worsened: tuple[Card, ...]


@dataclass(frozen=True)
class Curve:
    """A custom model's training curve."""

    model: EvaluatedModel
    chart: Markup
    points: tuple[CurvePoint, ...]
    total: int


def render_html(report: Report) -> str:
    """The report as one HTML document, under a megabyte whatever its texts."""
    page = environment().get_template("report.html.j2")
    return page.render(
        report=report,
        parts=_parts(report),
        curves=_curves(report),
        metrics=metrics(report),
        scores=scores_by_model(report),
        gaps=gaps_by_model(report),
        gap_heads=GAP_HEADS,
        perturbed_heads=perturbed_heads(report),
        perturbed_lines=perturbed_lines(report.robustness) if report.robustness else [],
        perturbed_lead=perturbed_lead(report.robustness) if report.robustness else "",
        created=datetime.fromtimestamp(report.created, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        judges=[judge_section(judge) for judge in report.judges],
        figures=list(dict.fromkeys(name for model in report.models for name in model.efficiency)),
    )


@cache
def environment() -> Environment:
    """The templates of this package, with what reports print with."""
    environment = page_environment()
    environment.globals.update(directions=DIRECTIONS, outcomes=Outcome)
    environment.tests.update(bounded=_is_bounded)
    return environment


def _parts(report: Report) -> list[Part]:
    limit = _text_limit(report)
    return [_part(report, section, number, limit) for number, section in enumerate(sections(report))]


def _part(report: Report, section: Section, number: int, limit: int) -> Part:
    moved = section.moved
    ident = f"c{number}"
    shown = _most_records(section.groups)
    unit = numbers.unit_of(report.scores, report.primary) or SHARE
    return Part(
        section=section,
        blocks=tuple(_blocks(report, section.comparisons, ident)),
        groups=_block(report, unit, shown, f"{ident}-group") if shown else None,
        groups_left_out=len(section.groups) - len(shown),
        moved_bar=_moved_bar(moved, ident) if moved else None,
        improved=_cards(moved, moved.improved, limit) if moved else (),
        worsened=_cards(moved, moved.worsened, limit) if moved else (),
    )


def _most_records(groups: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """The groups with the most records, in the order they came."""
    kept = sorted(groups, key=lambda one: (-one.n, one.group or ""))[:MOST_GROUPS]
    return tuple(one for one in groups if one in kept)


def _blocks(report: Report, comparisons: Sequence[Comparison], ident: str) -> Iterator[Block]:
    """One block per unit; what is no share, or has no better way, apart, as its scale would squeeze the others."""
    kinds: dict[tuple[str, bool], list[Comparison]] = {}
    for one in comparisons:
        unit = numbers.unit_of(report.scores, one.metric) or (NO_UNIT if _exceeds_one(one) else SHARE)
        kinds.setdefault((unit, one.direction == Direction.NONE), []).append(one)
    for number, ((unit, _), rows) in enumerate(kinds.items()):
        yield _block(report, unit, rows, f"{ident}-unit{number}")


def _exceeds_one(one: Comparison) -> bool:
    return any(abs(value) > 1 for value in map(numbers.known, (one.low, one.high)) if value is not None)


def _block(report: Report, unit: str, comparisons: Sequence[Comparison], ident: str) -> Block:
    scale = charts.axis(value for one in comparisons for value in (one.low, one.high) if _is_bounded(one))
    scores = scores_by_model(report)
    # An axis without a bar would be made up.
    empty = not any(map(_is_bounded, comparisons))
    drawn = "" if empty else charts.interval_axis(scale, f"Difference in {unit}", f"{ident}-axis")
    rows = (_row(report, scores, one, scale, f"{ident}-{number}") for number, one in enumerate(comparisons))
    return Block(unit, Markup(drawn), tuple(rows))


def _row(report: Report, scores: dict[tuple[str, str], Score], one: Comparison, scale: charts.Axis, ident: str) -> Row:
    tone = TONES.get(outcome(one), "flat")
    label = metric_label(one.metric) if one.group is None else one.group
    if _is_bounded(one):
        text = f"{numbers.difference(one)}, 95% interval {numbers.difference_interval(one)}"
    else:
        text = numbers.too_few(one.n)
    bar = charts.interval_bar(charts.Bar(label, one.difference, one.low, one.high, tone, text), scale, ident)
    if not _is_bounded(one):
        bar = ""
    pair = scores.get((one.metric, one.baseline)), scores.get((one.metric, one.candidate))
    return Row(one, *pair, reading=reading(one), tone=tone, bar=Markup(bar))


def _is_bounded(one: Comparison) -> bool:
    return all(numbers.known(value) is not None for value in (one.difference, one.low, one.high))


def _moved_bar(moved: Moved, ident: str) -> Markup:
    parts: list[tuple[str, int, charts.Tone]] = [
        ("improved", moved.n_improved, "good"),
        ("the same", moved.n_equal, "flat"),
        ("worsened", moved.n_worsened, "bad"),
    ]
    return Markup(charts.share_bar(f"Records by change of {metric_label(moved.metric)}", parts, f"{ident}-moved"))


def _text_limit(report: Report) -> int:
    """How many bytes a text may take so that all of them stay within the budget."""
    records = sum(min(len(way), MOST_MOVED) for moved in report.moved for way in (moved.improved, moved.worsened))
    return min(TEXT_LIMIT, TEXT_BUDGET // max(4 * records, 1))


def _cards(moved: Moved, records: Sequence[MovedRecord], limit: int) -> tuple[Card, ...]:
    return tuple(_card(moved, record, limit) for record in records[:MOST_MOVED])


def _card(moved: Moved, record: MovedRecord, limit: int) -> Card:
    texts = [("Reference", record.reference)]
    texts += [(one_line(name), record.responses.get(name)) for name in (moved.baseline, moved.candidate)]
    values = record.values.get(moved.baseline), record.values.get(moved.candidate)
    pair = numbers.against(*values)
    decimals = numbers.places_apart(*(numbers.known(value) or 0.0 for value in values))
    return Card(
        record=record,
        prompt=Text("Prompt", *trimmed(record.prompt, limit)),
        texts=tuple(Text(label, *trimmed(text, limit)) for label, text in texts if text is not None),
        values=pair,
        difference=numbers.fixed(record.difference, decimals, signed=True),
        tone="good" if record in moved.improved else "bad",
    )


def _curves(report: Report) -> list[Curve]:
    return [_curve(model, f"curve{number}") for number, model in enumerate(report.models) if model.curve]


def _curve(model: EvaluatedModel, ident: str) -> Curve:
    return Curve(
        model, Markup(curve_svg(model.curve, model.name, ident)), thinned(model.curve, MOST_POINTS), len(model.curve)
    )
