"""Charts as inline SVG, for reports and pages alike.

No script and no colour of its own: marks carry classes that ``templates/charts.css`` colours by variables, so a page's
dark mode is the chart's. Positions across are percentages, so a chart is as wide as its place and its text keeps its
size; positions down are pixels. The same input gives the same text.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from outcrop.reports.numbers import fixed, known
from outcrop.reports.texts import one_line

Tone = Literal["good", "bad", "flat"]

ROW_HEIGHT = 44
#: How much of the width stays free at each side, so that the labels of the outermost ticks have room.
MARGIN = 6.0


@dataclass(frozen=True)
class Axis:
    """A scale from ``low`` to ``high`` with its ticks, and how many decimal places their labels need."""

    low: float
    high: float
    ticks: tuple[float, ...]
    decimals: int
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value is, in per cent of the width."""
        return MARGIN + (100 - 2 * MARGIN) * self.share(value)

    def share(self, value: float) -> float:
        """How far along the scale a value is: 0 at ``low``, 1 at ``high``."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def label(self, tick: float) -> str:
        """A tick as it is printed; on a logarithmic scale each has its own digits."""
        return fixed(tick, max(0, -math.floor(math.log10(tick))) if self.log else self.decimals)


@dataclass(frozen=True)
class Bar:
    """An estimate with its interval; a bar with a number missing draws none of it."""

    label: str
    estimate: float | None
    low: float | None
    high: float | None
    tone: Tone
    text: str


@dataclass(frozen=True)
class Line:
    """A series of a line chart: ``(x, y)`` points in the order of x.

    A faint one is what lies behind a smoothed one, in the colour ``series`` where that is not its place; ``best`` is
    the index of a point to be set apart.
    """

    label: str
    points: tuple[tuple[float, float], ...]
    dashed: bool = False
    faint: bool = False
    series: int | None = None
    best: int | None = None


def axis(values: Iterable[float | None], *, zero: bool = True, steps: int = 4) -> Axis:
    """An axis over the values, with about ``steps`` round steps, and with zero unless told otherwise."""
    finite = [value for value in map(known, values) if value is not None] + ([0.0] if zero else [])
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    step = _round_step((high - low) / steps)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(round(number * step, 12) for number in range(first, last + 1))
    return Axis(low, high, ticks, max(0, -math.floor(math.log10(step) + 1e-9)))


def log_axis(values: Iterable[float]) -> Axis:
    """A logarithmic axis over positive values, with ticks at 1, 2 and 5 times the powers of ten, or at those alone."""
    low, high = min(values := list(values)), max(values)
    if high <= low * (1 + 1e-9):
        low, high = low / 2, high * 2
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if high / low < 1e3 else (1,)
    ticks = tuple(round(factor * 10.0**power, 12) for power in powers for factor in factors)
    # Some forty powers of ten are a diverged run: every one would be a smear.
    stride = -(-len(ticks) // 12)
    return Axis(low, high, tuple(tick for tick in ticks if low <= tick <= high)[::stride], 0, log=True)


def _round_step(raw: float) -> float:
    """The next of 1, 2, 5, 10 … at or above ``raw``."""
    power: float = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))


def interval_bar(bar: Bar, scale: Axis, ident: str) -> str:
    """One row of a forest chart: the interval, a mark at the estimate, and the zero line, to stand in a table's cell.

    It may be stretched to the height of its row, so that the zero lines of all rows meet.
    """
    body = [_vertical(scale.at(tick), "grid" if tick else "zero") for tick in scale.ticks]
    estimate, low, high = known(bar.estimate), known(bar.low), known(bar.high)
    if estimate is not None and low is not None and high is not None:
        body += _interval(scale, estimate, low, high, bar.tone)
    return _svg(bar.label, bar.text, ident, ROW_HEIGHT, body, "interval-bar")


def _interval(scale: Axis, estimate: float, low: float, high: float, tone: Tone) -> list[str]:
    left, right, centre = scale.at(low), scale.at(high), scale.at(estimate)
    return [
        f'<rect class="span {tone}" x="{left:.2f}%" y="50%" width="{right - left:.2f}%" height="12" rx="2"'
        ' transform="translate(0 -6)"/>',
        f'<rect class="mark {tone}" x="{centre:.2f}%" y="50%" width="4" height="20" rx="1"'
        ' transform="translate(-2 -10)"/>',
    ]


def interval_axis(scale: Axis, label: str, ident: str, *, signed: bool = True) -> str:
    """The axis that the rows of a forest chart share, to stand in its table's head; ``signed`` is for differences."""
    body = [
        _label(scale.at(tick), 14, fixed(tick, scale.decimals, signed=signed), "zero-label" if not tick else "")
        for tick in scale.ticks
    ]
    body += [
        f'<line class="{"zero" if not tick else "grid"}" x1="{scale.at(tick):.2f}%" x2="{scale.at(tick):.2f}%"'
        ' y1="19" y2="24"/>'
        for tick in scale.ticks
    ]
    words = ", ".join(fixed(tick, scale.decimals, signed=signed) for tick in scale.ticks)
    return _svg(label, f"Axis with ticks at {words}.", ident, 24, body, "interval-axis")


def line_chart(
    title: str, description: str, lines: Sequence[Line], labels: tuple[str, str], ident: str, *, log: bool = False
) -> str:
    """Lines over a shared x; ``labels`` name the x and the y axis. Dashed lines carry marks at their points.

    With ``log`` the y axis is logarithmic, and every y must be above 0.
    """
    across = axis((x for line in lines for x, _ in line.points), zero=False, steps=5)
    values = [y for line in lines for _, y in line.points]
    upward = log_axis(values) if log else axis(values, zero=False)
    height = 240
    ticks = [(tick, _down(upward, tick, height)) for tick in upward.ticks]
    body = [f'<line class="grid" x1="0%" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>' for _, y in ticks]
    body += [f'<text x="-8" y="{y + 4:.1f}" text-anchor="end">{upward.label(tick)}</text>' for tick, y in ticks]
    body += [_label(_along(across, tick), height + 18, fixed(tick, across.decimals)) for tick in across.ticks]
    for number, line in enumerate(lines):
        body += _line(line, across, upward, height, number)
    plot = f'<svg class="plot" x="14%" y="28" width="84%" height="{height}" overflow="visible">{"".join(body)}</svg>'
    words = (
        f'<text x="0" y="14" class="strong">{_escape(labels[1])}</text>',
        f'<text x="100%" y="{height + 64}" text-anchor="end" class="strong">{_escape(labels[0])}</text>',
    )
    return _svg(title, description, ident, height + 72, [*words, plot], "line-chart")


def _line(line: Line, across: Axis, upward: Axis, height: int, number: int) -> list[str]:
    """The path in a stretched box of 100 by 100, which keeps its stroke's width; the marks unstretched over it."""
    colour = number if line.series is None else line.series
    series = f"series-{colour % 4}" + (" dashed" if line.dashed else "") + (" faint" if line.faint else "")
    at = [(_along(across, x), _down(upward, y, height)) for x, y in line.points]
    path = " ".join(f"{'L' if index else 'M'}{x:.2f} {100 * y / height:.2f}" for index, (x, y) in enumerate(at))
    body = [
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" overflow="visible">'
        f'<path class="{series}" vector-effect="non-scaling-stroke" d="{path}"/></svg>'
    ]
    if line.dashed or len(at) == 1:
        body += [f'<circle class="{series}" cx="{x:.2f}%" cy="{y:.1f}" r="3"/>' for x, y in at]
    if line.best is not None:
        x, y = at[line.best]
        body.append(f'<circle class="{series} best" cx="{x:.2f}%" cy="{y:.1f}" r="6"/>')
    return body


def share_bar(title: str, parts: Sequence[tuple[str, int, Tone]], ident: str) -> str:
    """A bar cut into its parts, in order; nothing but the empty bar where all are zero."""
    total, left, body = sum(count for _, count, _ in parts), 0.0, ['<rect class="empty" width="100%" height="12"/>']
    for _, count, tone in parts:
        width = 100 * count / total if total else 0.0
        body.append(f'<rect class="part {tone}" x="{left:.2f}%" y="0" width="{width:.2f}%" height="12"/>')
        left += width
    words = ", ".join(f"{label}: {count}" for label, count, _ in parts)
    return _svg(title, words, ident, 12, body, "share-bar")


def _along(scale: Axis, value: float) -> float:
    return 100 * scale.share(value)


def _down(scale: Axis, value: float, height: int) -> float:
    return height * (1 - scale.share(value))


def _vertical(x: float, css: str) -> str:
    return f'<line class="{css}" x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="100%"/>'


def _label(x: float, y: int, text: str, css: str = "") -> str:
    return f'<text x="{x:.2f}%" y="{y}" text-anchor="middle" class="{css}">{text}</text>'


def _svg(title: str, description: str, ident: str, height: int, body: Iterable[str], css: str) -> str:
    name = html.escape(ident)
    labelled = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    return (
        f'<svg class="chart {css}" {labelled} width="100%" height="{height}">'
        f'<title id="{name}-title">{_escape(title)}</title><desc id="{name}-desc">{_escape(description)}</desc>'
        f"{''.join(body)}</svg>"
    )


def _escape(text: str) -> str:
    return html.escape(one_line(text))
