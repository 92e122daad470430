"""Score what somebody else's model wrote: a table, or two of the same records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from outcrop.data.faults import place
from outcrop.data.tables import Table, open_paired, open_table
from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import shown
from outcrop.evaluation import columns as reading_of
from outcrop.evaluation.columns import Cells, Columns, Reading
from outcrop.evaluation.tables import TableReport, TableRows, Tell, first_row, read_rows, report
from outcrop.metrics import named
from outcrop.metrics.classification import METRICS as OF_LABELS
from outcrop.metrics.classification import for_labels
from outcrop.metrics.classifying import Classifier
from outcrop.metrics.encoding import Encoder
from outcrop.metrics.entities import entity_f1, entity_precision, entity_recall
from outcrop.metrics.forecast import METRICS as OF_QUANTILES
from outcrop.metrics.forecast import for_quantiles
from outcrop.metrics.protocol import Metric
from outcrop.metrics.regression import METRICS as OF_NUMBERS
from outcrop.metrics.regression import all_metrics

#: What a name stands for that is not a metric's.
FAMILIES = {"rouge": ("rougeL", "rouge1", "rouge2"), "bertscore": ("bert_score",)}

_OF_ENTITIES: Mapping[str, Callable[[], Metric[Any]]] = {
    "entity_f1": entity_f1,
    "entity_precision": entity_precision,
    "entity_recall": entity_recall,
}


class TableTask(StrEnum):
    """What a table's rows are."""

    TEXT = "text"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    FORECAST = "forecast"
    EXTRACTION = "extraction"


def table_task(name: str) -> TableTask:
    """The task of that name.

    Raises:
        InvalidInput: There is none.
    """
    try:
        return TableTask(name)
    except ValueError:
        raise InvalidInput([Fault("request", None, "task", repr(name), f"one of {', '.join(TableTask)}")]) from None


@dataclass(frozen=True)
class ScoringRequest:
    """What to score.

    Attributes:
        file: The table, as JSON Lines, CSV, TSV, Parquet or plain text by its name's ending.
        task: What its rows are.
        metrics: Names of metrics, or of families of them; those of the task where empty. The first is the primary one.
        against: A table of the same records to compare with; None for scores alone.
        references: Where the files are plain text: the file whose lines are the references.
        columns: What the columns are called.
        positive: Of a classification, the label that scores are for.
        seed: Of what is drawn in intervals and tests.
    """

    file: Path
    task: TableTask = TableTask.TEXT
    metrics: Sequence[str] = ()
    against: Path | None = None
    references: Path | None = None
    columns: Columns = field(default_factory=Columns)
    positive: str | None = None
    seed: int = 0


def score_table(
    request: ScoringRequest,
    encoders: Callable[[str], Encoder] | None = None,
    tell: Tell | None = None,
    *,
    classifiers: Callable[[str], Classifier] | None = None,
) -> TableReport:
    """Score a table.

    Args:
        request: What to score.
        encoders: Gives the encoder of a name, for metrics that need one.
        tell: Called with bytes done and bytes in all, for each file anew.
        classifiers: Gives the classifier of a name, for metrics that need one.

    Raises:
        InvalidInput: A table can't be read, or two don't have the same records: all faults of a table.
        NotFound: A metric.
        NotSupported: A metric needs an encoder or a classifier, and there are none.
        MissingExtra: A table is a Parquet file, and pyarrow is not installed.
    """
    files = [request.file] if request.against is None else [request.file, request.against]
    # Files of two folders may have one name.
    names = [file.name for file in files] if len({file.name for file in files}) == len(files) else list(map(str, files))
    kind = _kind(request, _open(request, request.file), encoders, classifiers)
    counted = [_read(request, file, name, kind, tell) for file, name in zip(files, names, strict=True)]
    baseline = counted[1] if len(counted) > 1 else None
    return report(request.task.value, counted[0], baseline, kind.metrics, seed=request.seed)


@dataclass(frozen=True)
class _Kind:
    """How the rows are read, and by what they are scored."""

    reading: Reading
    metrics: Sequence[Metric[Any]]


def _open(request: ScoringRequest, file: Path) -> Table:
    if request.references is None and file.suffix.lower() == ".txt":
        expected = "--references FILE, with a reference a line"
        raise InvalidInput([Fault(place(file), None, "", "plain text without references", expected)])
    return open_table(file) if request.references is None else open_paired(file, request.references)


def _read(request: ScoringRequest, file: Path, name: str, kind: _Kind, tell: Tell | None) -> TableRows:
    return read_rows(_open(request, file), name, kind.reading, request.columns, kind.metrics, tell)


def _kind(
    request: ScoringRequest,
    table: Table,
    encoders: Callable[[str], Encoder] | None,
    classifiers: Callable[[str], Classifier] | None,
) -> _Kind:
    names = list(first_row(table))
    columns = request.columns
    # A family may have a metric that is also asked for by itself.
    wanted = list(dict.fromkeys(each for name in request.metrics for each in FAMILIES.get(name, (name,))))
    match request.task:
        case TableTask.TEXT:
            chosen = wanted or [*FAMILIES["rouge"], "exact_match"]
            return _Kind(reading_of.texts(columns), [named(name, encoders, classifiers) for name in chosen])
        case TableTask.CLASSIFICATION:
            return _classification(request, names, wanted)
        case TableTask.REGRESSION:
            of_numbers = [_one(OF_NUMBERS, name)() for name in wanted] or all_metrics(scales=columns.scale in names)
            return _Kind(reading_of.regression(columns, names), of_numbers)
        case TableTask.FORECAST:
            by_level = reading_of.levels(names, table.where)
            levels = list(by_level)
            found = [metric for name in wanted for metric in _one(OF_QUANTILES, name)(levels)]
            return _Kind(reading_of.forecast(columns, by_level), found or for_quantiles(levels))
        case TableTask.EXTRACTION:
            of_entities = [_one(_OF_ENTITIES, name)() for name in wanted or _OF_ENTITIES]
            return _Kind(reading_of.extraction(columns), of_entities)


def _classification(request: ScoringRequest, names: Sequence[str], wanted: Sequence[str]) -> _Kind:
    reading = reading_of.classification(request.columns, names, request.positive)
    factories = [_one(OF_LABELS, name) for name in wanted]
    labels = _labels(request, reading)
    try:
        if factories:
            return _Kind(reading, [make(labels, request.positive) for make in factories])
        return _Kind(reading, _by_default(request, names, labels))
    except InvalidInput as error:
        if len(labels) > 1:
            raise
        found = f"the label {shown(labels[0])} alone" if labels else "no label in any row"
        expected = "two labels or more; --positive names the other one"
        raise InvalidInput([Fault(place(request.file), None, reading.right, found, expected)]) from error


def _by_default(request: ScoringRequest, names: Sequence[str], labels: Sequence[str]) -> list[Metric[Any]]:
    """The metrics of labels, of scores, or of both, as the table has them."""
    metrics = for_labels(labels, request.positive, scores=request.columns.score in names)
    if request.columns.prediction in names:
        return metrics
    of_labels = {metric.name for metric in for_labels(labels, request.positive, scores=False)}
    return [metric for metric in metrics if metric.name not in of_labels]


def _labels(request: ScoringRequest, reading: Reading) -> list[str]:
    """All labels that are right somewhere, and those that scores are for: a pass of its own.

    Raises:
        InvalidInput: The positive label is none of several, or where that or a label is wanting, rows can't be read.
    """
    found: set[str] = set()
    for item in _open(request, request.file):
        if not isinstance(item, Fault):
            cells = Cells(item, "")
            right, scores = cells.label(reading.right), item.value.get(request.columns.score)
            found |= set() if right is None else {right}
            found |= set(map(str, scores)) if isinstance(scores, Mapping) else set()
    if len(found) > 1 and request.positive in (None, *found):
        return sorted(found)
    # The rows' own faults come first: they may be why.
    read_rows(_open(request, request.file), "", reading, request.columns, ())
    if len(found) > 1:
        there = f"the labels {', '.join(map(shown, sorted(found)[:8]))}"
        expected = f"{shown(str(request.positive))} among them, which --positive names"
        raise InvalidInput([Fault(place(request.file), None, reading.right, there, expected)])
    return sorted(found | ({request.positive} if found and request.positive is not None else set()))


def _one(metrics: Mapping[str, Any], name: str) -> Any:
    if name not in metrics:
        raise InvalidInput([Fault("metrics", None, "", repr(name), f"one of {', '.join(metrics)}")])
    return metrics[name]
