"""A training curve to look at: as SVG for pages, and as text for a terminal.

Training losses of single steps jump with the records of their batch, so they stand faint behind their smoothed line.
Validation losses are measured on the same records each time and stand as they are, the lowest one set apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from outcrop.domain.models import CurvePoint
from outcrop.reports import charts
from outcrop.reports.numbers import count, fixed, known
from outcrop.reports.texts import one_line
from outcrop.trainers.curves import smoothed

#: Points of a line in a page: more would not be seen, and would make the file large.
MOST_POINTS = 400
#: From this ratio of the largest to the smallest loss on, the axis is logarithmic.
LOG_FROM = 10.0

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Series:
    """What is drawn of a curve: ``(step, loss)`` of each finite training loss, the smoothed ones, the validations."""

    raw: Points
    smooth: Points
    validation: Points

    @property
    def best(self) -> int | None:
        """The index of the lowest validation loss; None without one."""
        return min(range(len(self.validation)), key=lambda at: self.validation[at][1], default=None)

    @property
    def log(self) -> bool:
        """Whether a logarithmic axis shows it better: all losses above 0, and far apart."""
        values = [loss for points in (self.smooth, self.validation) for _, loss in points]
        return bool(values) and min(values) > 0 and max(values) >= LOG_FROM * min(values)


def series(curve: Iterable[CurvePoint]) -> Series:
    """The lines of a curve; what is not finite is left out."""
    points = list(curve)
    raw = _finite((point.step, point.training_loss) for point in points)
    smooth = zip((step for step, _ in raw), smoothed([loss for _, loss in raw]), strict=True)
    return Series(raw, tuple(smooth), _finite((point.step, point.validation_loss) for point in points))


def curve_svg(curve: Iterable[CurvePoint], name: str, ident: str) -> str:
    """A curve as inline SVG, coloured by ``templates/charts.css``; "" where it has no finite loss.

    Args:
        curve: The points, in the order of their steps.
        name: What the curve is of, for the chart's title.
        ident: Unique in the page.
    """
    found = series(curve)
    lines = [
        charts.Line("training, each step", _thinned(found.raw), faint=True, series=0),
        charts.Line("training", _thinned(found.smooth), series=0),
        charts.Line("validation", found.validation, dashed=True, series=1, best=found.best),
    ]
    if found.log:
        lines[0] = charts.Line("training, each step", tuple(_positive(lines[0].points)), faint=True, series=0)
    drawn = [line for line in lines if line.points]
    if not drawn:
        return ""
    title = f"Training curve of {one_line(name)}"
    return charts.line_chart(title, describe(found), drawn, ("step", "loss, nats per token"), ident, log=found.log)


def describe(found: Series) -> str:
    """A curve in a sentence, for who does not see it."""
    last = max(step for points in (found.raw, found.validation) for step, _ in points[-1:])
    words = [f"Loss over {count(int(last))} step{'' if last == 1 else 's'}"]
    if found.smooth:
        words.append(f"training from {fixed(found.smooth[0][1], 3)} to {fixed(found.smooth[-1][1], 3)}, smoothed")
    if found.best is not None:
        step, lowest = found.validation[found.best]
        ends = f"validation from {fixed(found.validation[0][1], 3)} to {fixed(found.validation[-1][1], 3)}"
        words.append(f"{ends}, lowest {fixed(lowest, 3)} at step {count(int(step))}")
    return "; ".join(words) + "."


def curve_text(curve: Iterable[CurvePoint], *, width: int = 80, height: int = 16, ascii_only: bool = False) -> str:
    """A curve for a terminal, in at most ``width`` columns and ``height`` lines and three more; "" without a loss.

    The smoothed training loss is a line of braille dots, four a line and two a column; validation losses are circles,
    the lowest a full one. With ``ascii_only`` they are ``.``, ``o`` and ``*``.
    """
    found = series(curve)
    points = (*found.smooth, *found.validation)
    if not points:
        return ""
    upward = charts.log_axis(y for _, y in points) if found.log else charts.axis((y for _, y in points), zero=False)
    labels = {tick: upward.label(tick) for tick in upward.ticks}
    margin = max((len(text) for text in labels.values()), default=0) + 1
    columns = max(width - margin - 1, 10)
    lowest, highest = min(x for x, _ in points), max(x for x, _ in points)
    canvas = _Canvas(columns, height, (lowest, max(highest, lowest + 1)), upward, ascii_only=ascii_only)
    canvas.draw(found.smooth)
    for at, point in enumerate(found.validation):
        canvas.mark(point, canvas.best if at == found.best else canvas.validation)
    gutter = {canvas.row(tick): text for tick, text in labels.items()}
    bar = "|" if ascii_only else "│"
    lines = [f"{gutter.get(row, ''):>{margin}}{bar}{text}" for row, text in enumerate(canvas.lines())]
    ends = f"step {int(lowest)}", f"{int(highest)}"
    lines.append(f"{'':>{margin}}{'+' if ascii_only else '└'}{('-' if ascii_only else '─') * columns}")
    lines.append(f"{'':>{margin + 1}}{ends[0]}{ends[1]:>{columns - len(ends[0])}}")
    lines.append(f"{'':>{margin + 1}}{_legend(found, canvas, columns)}".rstrip())
    return "\n".join(lines)


def _legend(found: Series, canvas: _Canvas, columns: int) -> str:
    parts = [f"{canvas.training} training, smoothed"] if found.smooth else []
    if found.best is not None:
        parts += [f"{canvas.validation} validation", f"{canvas.best} lowest {found.validation[found.best][1]:.3f}"]
    while parts and len("   ".join(parts)) > columns:
        parts.pop()
    return "   ".join(parts)


class _Canvas:
    """Character cells over steps and losses; a braille cell holds two columns of four dots."""

    #: The bit of each dot of a braille character, by column and row.
    _DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))

    def __init__(
        self, columns: int, rows: int, across: tuple[float, float], upward: charts.Axis, *, ascii_only: bool
    ) -> None:
        self._columns, self._rows = columns, rows
        self._across, self._upward = across, upward
        self._dots = [[0] * columns for _ in range(rows)]
        self._marks: dict[tuple[int, int], str] = {}
        self._ascii = ascii_only
        self.training, self.validation, self.best = (".", "o", "*") if ascii_only else ("⣀", "○", "●")

    def row(self, loss: float) -> int:
        """The line that a loss is in, from the top."""
        return self._place((0.0, loss), 1, 1)[1]

    def draw(self, points: Sequence[tuple[float, float]]) -> None:
        """A line through the points, without gaps."""
        places = [self._place(point, 2, 4) for point in points]
        for (left, above), (right, below) in zip(places, places[1:] or places, strict=False):
            hops = max(abs(right - left), abs(below - above), 1)
            for hop in range(hops + 1):
                self._dot(left + round((right - left) * hop / hops), above + round((below - above) * hop / hops))

    def mark(self, point: tuple[float, float], sign: str) -> None:
        """A sign in the cell of a point; the best one is never covered."""
        place = self._place(point, 1, 1)
        if self._marks.get(place) != self.best:
            self._marks[place] = sign

    def lines(self) -> list[str]:
        """The rows from the top, without trailing blanks."""
        return [
            "".join(self._cell(column, row) for column in range(self._columns)).rstrip() for row in range(self._rows)
        ]

    def _cell(self, column: int, row: int) -> str:
        if sign := self._marks.get((column, row)):
            return sign
        dots = self._dots[row][column]
        return " " if not dots else "." if self._ascii else chr(0x2800 + dots)

    def _dot(self, x: int, y: int) -> None:
        self._dots[y // 4][x // 2] |= self._DOTS[x % 2][y % 4]

    def _place(self, point: tuple[float, float], wide: int, high: int) -> tuple[int, int]:
        low, high_end = self._across
        x = (point[0] - low) / (high_end - low)
        columns, rows = self._columns * wide, self._rows * high
        y = 1 - self._upward.share(point[1])
        return min(max(int(x * columns), 0), columns - 1), min(max(int(y * rows), 0), rows - 1)


def _finite(pairs: Iterable[tuple[int, float | None]]) -> Points:
    return tuple((float(step), value) for step, loss in pairs if (value := known(loss)) is not None)


def _positive(points: Points) -> Iterable[tuple[float, float]]:
    return (point for point in points if point[1] > 0 and math.isfinite(point[1]))


def _thinned(points: Points) -> Points:
    """About ``MOST_POINTS`` of the points, evenly picked, with both ends."""
    stride = -(-len(points) // MOST_POINTS) or 1
    return (*points[::stride], *points[-1:]) if (len(points) - 1) % stride else points[::stride]
