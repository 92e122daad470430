"""From the columns of a table to what metrics score."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from outcrop.data.faults import described, shown
from outcrop.data.reading import Line
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.entities import Spanned, Tagged
from outcrop.metrics.forecast.forecasted import Forecasted
from outcrop.metrics.protocol import Pair
from outcrop.metrics.regression.estimated import Estimated
from outcrop.metrics.tagging import Span

_QUANTILE = re.compile(r"[pP](\d{1,2}(?:\.\d+)?)")


@dataclass(frozen=True)
class Columns:
    """The names of a table's columns.

    Attributes:
        prediction: What a model said.
        reference: What is right: a text, a list of texts any of which will do, or a number.
        label: The right label of a classification; ``reference`` where the table has none.
        score: The score of the positive label, or an object with a score for each label.
        scale: Of a regression, what an error is held against in MASE.
        id: What names a record, so that two tables can be matched; None where their order does.
        group: What names the group that a record is reported under, too; None for no groups.
        cluster: What records that are not independent share; None where all are.
    """

    prediction: str = "prediction"
    reference: str = "reference"
    label: str = "label"
    score: str = "score"
    scale: str = "scale"
    id: str | None = None
    group: str | None = None
    cluster: str | None = None


@dataclass
class Cells:
    """The cells of one row, read by name; what can't be read is a fault and comes as None.

    A cell that is empty, null or not there is None; only an empty text is a text where texts are asked for.
    """

    line: Line
    where: str
    faults: list[Fault] = field(default_factory=list)

    def text(self, name: str) -> str | None:
        """A text."""
        value = self.line.value.get(name)
        if value is None or isinstance(value, str):
            return value
        self._fault(name, value, "a text")
        return None

    def texts(self, name: str) -> tuple[str, ...]:
        """A text, or a list of texts."""
        value = self.line.value.get(name)
        if isinstance(value, list):
            if all(isinstance(each, str) for each in value):
                return tuple(value)
            self._fault(name, value, "a text, or a list of texts")
            return ()
        text = self.text(name)
        return () if text is None else (text,)

    def label(self, name: str) -> str | None:
        """A label: a text as it is, a whole number or a truth value as JSON writes it."""
        value = self.line.value.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str | int):
            return str(value)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        self._fault(name, value, "a label: a text or a whole number")
        return None

    def number(self, name: str) -> float | None:
        """A number, or a text that is one."""
        return self._number(name, self.line.value.get(name))

    def numbers(self, name: str) -> dict[str, float]:
        """An object of numbers."""
        value = self.line.value.get(name)
        if not isinstance(value, Mapping):
            self._fault(name, value, "an object with a number for each name")
            return {}
        found = {str(key): self._number(f"{name}.{key}", each) for key, each in value.items()}
        return {key: number for key, number in found.items() if number is not None}

    def tags(self, name: str) -> tuple[str, ...] | tuple[Span, ...] | None:
        """A list of tags, a text of tags between white space, or a list of objects with type, start and end."""
        value = self.line.value.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            return tuple(value.split())
        if isinstance(value, list):
            if all(isinstance(each, str) for each in value):
                return tuple(value)
            spans = [_span(each) for each in value]
            if all(span is not None for span in spans):
                return tuple(span for span in spans if span is not None)
        self._fault(name, value, 'a list of tags, or of objects with "type", "start" and "end"')
        return None

    def _number(self, name: str, value: object) -> float | None:
        if value is None or value == "":
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                pass
        self._fault(name, value, "a number")
        return None

    def _fault(self, name: str, value: object, expected: str) -> None:
        self.faults.append(Fault(self.where, self.line.number, name, described(value), expected))


@dataclass(frozen=True)
class Reading:
    """How a table's rows are read.

    Attributes:
        needed: Columns that the first row must have.
        right: The one of them that says what is right.
        item: Makes what metrics score.
    """

    needed: tuple[str, ...]
    right: str
    item: Callable[[Cells], Any]


def texts(columns: Columns) -> Reading:
    """Responses and references: ``Pair``."""
    return Reading(
        (columns.prediction, columns.reference),
        columns.reference,
        lambda cells: Pair(cells.text(columns.prediction), cells.texts(columns.reference)),
    )


def classification(columns: Columns, names: Collection[str], positive: str | None) -> Reading:
    """Labels and scores: ``Classified``."""
    right = columns.label if columns.label in names else columns.reference
    scored, predicted = columns.score in names, columns.prediction in names

    def item(cells: Cells) -> Classified:
        said = cells.label(columns.prediction) if predicted else None
        return Classified(cells.label(right), said, _scores(cells, columns.score, positive) if scored else None)

    return Reading((right, columns.score if scored else columns.prediction), right, item)


def _scores(cells: Cells, name: str, positive: str | None) -> dict[str, float] | None:
    if isinstance(cells.line.value.get(name), Mapping):
        return cells.numbers(name)
    number = cells.number(name)
    if number is None or math.isnan(number):
        return None
    if positive is None:
        cells.faults.append(
            Fault(cells.where, cells.line.number, name, "one number", "--positive LABEL, to say which label it is for")
        )
        return None
    return {positive: number}


def regression(columns: Columns, names: Collection[str]) -> Reading:
    """Actual values and estimates: ``Estimated``."""
    scaled = columns.scale in names
    return Reading(
        (columns.prediction, columns.reference),
        columns.reference,
        lambda cells: Estimated(
            cells.number(columns.reference),
            cells.number(columns.prediction),
            cells.number(columns.scale) if scaled else None,
        ),
    )


def levels(names: Collection[str]) -> dict[float, str]:
    """The columns of quantiles by level, the lowest first: ``p10`` or ``P10`` is 0.1, ``p2.5`` is 0.025."""
    found = {float(match[1]) / 100: name for name in names if (match := _QUANTILE.fullmatch(name))}
    return dict(sorted(found.items()))


def forecast(columns: Columns, names: Collection[str]) -> Reading:
    """Actual values and quantiles: ``Forecasted``.

    Raises:
        InvalidInput: No column is a quantile.
    """
    by_level = levels(names)
    if not by_level:
        found = ", ".join(shown(name) for name in list(names)[:8])
        raise InvalidInput(
            [Fault("columns", None, "", found, "columns of quantiles, named p10, p50, p90 and the like")]
        )

    def item(cells: Cells) -> Forecasted:
        said = {level: number for level, name in by_level.items() if (number := cells.number(name)) is not None}
        return Forecasted(cells.number(columns.reference), said)

    return Reading((columns.reference,), columns.reference, item)


def extraction(columns: Columns) -> Reading:
    """Tags or spans: ``Tagged`` or ``Spanned``."""

    def item(cells: Cells) -> Tagged | Spanned:
        said, right = cells.tags(columns.prediction), cells.tags(columns.reference)
        if any(isinstance(each, Span) for each in (*(said or ()), *(right or ()))):
            return Spanned(_only_spans(said), _only_spans(right))
        return Tagged(_only_tags(said), _only_tags(right))

    return Reading((columns.prediction, columns.reference), columns.reference, item)


def _only_spans(value: tuple[Any, ...] | None) -> tuple[Span, ...] | None:
    return None if value is None else tuple(each for each in value if isinstance(each, Span))


def _only_tags(value: tuple[Any, ...] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(each for each in value if isinstance(each, str))


def _span(value: object) -> Span | None:
    if not isinstance(value, Mapping):
        return None
    kind, start, end = value.get("type"), value.get("start"), value.get("end")
    if isinstance(kind, str) and isinstance(start, int) and isinstance(end, int):
        return Span(kind, start, end)
    return None
