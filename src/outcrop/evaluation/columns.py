"""From the columns of a table to what metrics score."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from outcrop.data.reading import Line
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import described, shown
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.entities import Spanned, Tagged
from outcrop.metrics.forecast.forecasted import Forecasted
from outcrop.metrics.protocol import Pair
from outcrop.metrics.regression.estimated import Estimated
from outcrop.metrics.tagging import Span, faulty

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
        self.fault(name, value, "a text")
        return None

    def texts(self, name: str) -> tuple[str, ...]:
        """A text, or a list of texts."""
        value = self.line.value.get(name)
        if isinstance(value, list):
            if all(isinstance(each, str) for each in value):
                return tuple(value)
            self.fault(name, value, "a text, or a list of texts")
            return ()
        text = self.text(name)
        return () if text is None else (text,)

    def label(self, name: str) -> str | None:
        """A label: a text as it is, a whole number or a truth value as JSON writes it."""
        value = self.line.value.get(name)
        if value is None or value == "" or value != value:
            return None
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str | int):
            return str(value)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        self.fault(name, value, "a label: a text or a whole number")
        return None

    def name(self, column: str) -> str:
        """A label that must be there, since it names the record or what it belongs to; "" where it is not."""
        told = len(self.faults)
        label = self.label(column)
        if label is None and len(self.faults) == told:
            self.fault(column, self.line.value.get(column), "a text or a whole number in each record")
        return label or ""

    def number(self, name: str) -> float | None:
        """A number, or a text that is one."""
        return self._number(name, self.line.value.get(name))

    def numbers(self, name: str) -> dict[str, float]:
        """An object of numbers."""
        value = self.line.value.get(name)
        if not isinstance(value, Mapping):
            self.fault(name, value, "an object with a number for each name")
            return {}
        found = {str(key): self._number(f"{name}.{key}", each) for key, each in value.items()}
        return {key: number for key, number in found.items() if number is not None}

    def tags(self, name: str) -> tuple[str, ...] | tuple[Span, ...] | None:
        """A list of tags, a text of tags between white space, or a list of objects with type, start and end."""
        value = self.line.value.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            return tuple(value.split())
        if isinstance(value, list):
            if all(isinstance(each, str) for each in value):
                return tuple(value)
            spans = [_span(each) for each in value]
            if all(span is not None for span in spans):
                return tuple(span for span in spans if span is not None)
        self.fault(name, value, 'a list of tags, or of objects with "type", "start" and "end"')
        return None

    def _number(self, name: str, value: object) -> float | None:
        if value is None or value == "":
            return None
        # Python alone reads "1_000" as a number.
        separated = isinstance(value, str) and "_" in value
        if isinstance(value, int | float | Decimal | str) and not isinstance(value, bool) and not separated:
            try:
                return float(value)
            except (ValueError, OverflowError):
                pass
        self.fault(name, value, "a number")
        return None

    def fault(self, name: str, value: object, expected: str) -> None:
        """Tell what is wrong with a cell."""
        # Parquet has bytes, dates and the like, which JSON has not.
        known = value is None or isinstance(value, bool | int | float | Decimal | str | list | dict)
        found = described(value) if known else f"a value of the type {type(value).__name__}"
        self.faults.append(Fault(self.where, self.line.number, name, found, expected))


@dataclass(frozen=True)
class Reading:
    """How a table's rows are read.

    Attributes:
        needed: Columns that the first row must have.
        right: The one of them that says what is right.
        item: Makes what metrics score.
        answer: What is right, of what ``item`` made: equal for the same record of two tables.
    """

    needed: tuple[str, ...]
    right: str
    item: Callable[[Cells], Any]
    answer: Callable[[Any], object]


def texts(columns: Columns) -> Reading:
    """Responses and references: ``Pair``."""
    return Reading(
        (columns.prediction, columns.reference),
        columns.reference,
        lambda cells: Pair(cells.text(columns.prediction), cells.texts(columns.reference)),
        lambda pair: pair.references,
    )


def classification(columns: Columns, names: Collection[str], positive: str | None) -> Reading:
    """Labels and scores: ``Classified``. A column that goes by another name than its own must be there."""
    by_default = Columns()
    unlabelled = columns.label == by_default.label and columns.label not in names
    right = columns.reference if unlabelled and columns.reference in names else columns.label
    scored = columns.score in names or columns.score != by_default.score
    predicted = columns.prediction in names or columns.prediction != by_default.prediction or not scored
    needed = (right, *((columns.prediction,) if predicted else ()), *((columns.score,) if scored else ()))

    def item(cells: Cells) -> Classified:
        said = cells.label(columns.prediction) if predicted else None
        return Classified(cells.label(right), said, _scores(cells, columns.score, positive) if scored else None)

    return Reading(needed, right, item, lambda one: one.label)


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
        lambda one: one.actual,
    )


def levels(names: Collection[str], where: str) -> dict[float, str]:
    """The columns of quantiles by level, the lowest first: ``p10`` or ``P10`` is 0.1, ``p2.5`` is 0.025.

    Raises:
        InvalidInput: No column of the table at ``where`` is a quantile, two are the same one, or one is ``p0``.
    """
    found: dict[float, str] = {}
    faults = []
    for name in names:
        match = _QUANTILE.fullmatch(name)
        level = float(match[1]) / 100 if match else None
        if level == 0:
            faults.append(Fault(where, None, name, "a quantile at 0", "a quantile between p0 and p100"))
        elif level in found:
            faults.append(Fault(where, None, name, f"the same quantile as {shown(found[level])}", "each quantile once"))
        elif level is not None:
            found[level] = name
    if not found and not faults:
        there = ", ".join(shown(name) for name in list(names)[:8])
        faults.append(
            Fault(where, None, "", f"the columns {there}", "columns of quantiles: p10, p50, p90 and the like")
        )
    if faults:
        raise InvalidInput(faults)
    return dict(sorted(found.items()))


def forecast(columns: Columns, by_level: Mapping[float, str]) -> Reading:
    """Actual values and quantiles, whose columns ``levels`` found: ``Forecasted``."""

    def item(cells: Cells) -> Forecasted:
        said = {level: number for level, name in by_level.items() if (number := cells.number(name)) is not None}
        return Forecasted(cells.number(columns.reference), said)

    return Reading((columns.reference,), columns.reference, item, lambda one: one.actual)


def extraction(columns: Columns) -> Reading:
    """Tags or spans: ``Tagged`` or ``Spanned``."""

    def item(cells: Cells) -> Tagged | Spanned:
        said, right = cells.tags(columns.prediction), cells.tags(columns.reference)
        if any(isinstance(each, Span) for each in (*(said or ()), *(right or ()))):
            for name, value in ((columns.prediction, said), (columns.reference, right)):
                if value and not isinstance(value[0], Span):
                    cells.fault(name, list(value), "objects as in the other column, and no tags")
            return Spanned(_only_spans(said), _only_spans(right))
        tagged = Tagged(_only_tags(said), _only_tags(right))
        _check_tags(cells, columns, tagged)
        return tagged

    return Reading((columns.prediction, columns.reference), columns.reference, item, lambda one: one.reference)


def _check_tags(cells: Cells, columns: Columns, tagged: Tagged) -> None:
    predicted, right = tagged.predicted, tagged.reference
    for name, tags in ((columns.prediction, predicted), (columns.reference, right)):
        for place in faulty(tags or (), "any"):
            cells.fault(f"{name}[{place}]", (tags or ())[place], "O, or a tag such as B-PER")
    if predicted is not None and right is not None and len(predicted) != len(right):
        cells.fault(
            columns.prediction, list(predicted), f"{len(right)} tags, as many as {shown(columns.reference)} has"
        )


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
