"""The rows of an evaluation job, kept so that other jobs can be compared with it: one safetensors file per dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import NotSupported, UserError
from outcrop.domain.records import EvaluationRecord
from outcrop.domain.scores import Direction, EvaluatedModel, Report
from outcrop.evaluation.scoring import Scored
from outcrop.evaluation.task_metrics import Windows, task_metrics
from outcrop.evaluation.tasks import task_type
from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.rows import exact_mean

FILE = "rows.safetensors"

#: The kind of a model whose responses came with the data.
STORED = "stored responses"

_VERSION = 1
_KEY_BYTES = 16


@dataclass(frozen=True)
class KeptModel:
    """A model by its name and what it is, by content; responses that came with the data have a name alone."""

    name: str
    weights: str
    template: str


@dataclass(frozen=True)
class KeptMetric:
    """What a metric says of itself."""

    name: str
    signature: str
    unit: str
    direction: Direction
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Circumstances:
    """All of a job's rows but the numbers.

    Attributes:
        dataset: The dataset's name.
        place: Where it was read.
        content_hash: Its hash.
        conditions: What has to be the same for scores to be compared, by field: task, prompting, generation parameters.
        models: In the order of the request.
        metrics: The first decides.
        labels: Of a classification: all of them.
        windows: In which texts were read.
    """

    dataset: str
    place: str
    content_hash: str
    conditions: dict[str, Any]
    models: tuple[KeptModel, ...]
    metrics: tuple[KeptMetric, ...]
    labels: tuple[str, ...] = ()
    windows: Windows | None = None


@dataclass(frozen=True)
class KeptRows:
    """What is kept of one dataset of a job.

    Attributes:
        of: Whose rows they are.
        keys: What names each record by its content (``record_key``); uint8, shape ``(n, 16)``.
        categories: The category of each record.
        clusters: The cluster of each record, counted from 0; int64, shape ``(n,)``. None where all are independent.
        rows: By model and metric, shape ``(n, k)``.
        values: By model and metric, shape ``(n,)``, for metrics whose score is the mean of a value per record.
    """

    of: Circumstances
    keys: NDArray[np.uint8]
    categories: tuple[str | None, ...]
    clusters: NDArray[np.int64] | None
    rows: Mapping[tuple[str, str], Rows]
    values: Mapping[tuple[str, str], NDArray[np.float64]]


@dataclass(frozen=True)
class KeptMean:
    """A metric that is the mean of kept values: it needs neither the code nor the encoder that made them.

    Its rows are the values, shape ``(n, 1)``.
    """

    name: str
    signature: str
    unit: str
    direction: Direction
    columns: tuple[str, ...] = ("value",)

    def prepare(self, items: Sequence[Any]) -> Rows:
        """Not to be had: the texts are not here.

        Raises:
            NotSupported: Always.
        """
        raise NotSupported(f"{self.name} is kept as values; evaluate the texts again to score them")

    def per_record(self, rows: Rows) -> NDArray[np.float64]:
        """The values, shape ``(n,)``."""
        return rows[:, 0]

    def of_sums(self, sums: NDArray[np.float64]) -> None:
        """None: the score is the mean of a value per record."""

    def score(self, rows: Rows) -> float:
        """The mean of the values; NaN where there are none."""
        return exact_mean(rows[:, 0])


def record_key(prompt: str, references: Sequence[str], choices: Sequence[str] = ()) -> bytes:
    """Sixteen bytes that name a record by what is asked and what is right, whatever file and line it is on."""
    text = json.dumps([prompt, list(references), list(choices)], ensure_ascii=True)
    return hashlib.sha256(text.encode()).digest()[:_KEY_BYTES]


def keep_rows(
    report: Report,
    records: Sequence[EvaluationRecord],
    metrics: Sequence[Metric[Any]],
    scored: Sequence[Scored],
    clusters: Sequence[str] | None = None,
    *,
    labels: Sequence[str] = (),
    windows: Windows | None = None,
) -> KeptRows:
    """What to keep of models scored on a dataset.

    Args:
        report: What was made of the scores.
        records: The dataset.
        metrics: The first decides.
        scored: The models' rows, in the order of the report's models.
        clusters: What names the cluster of each record; None where all are independent.
        labels: Of a classification: all of them.
        windows: In which texts were read.
    """
    keys = b"".join(record_key(record.prompt, record.right, record.choices) for record in records)
    values = {
        (one.model, metric.name): value
        for one in scored
        for metric in metrics
        if (value := metric.per_record(one.rows[metric.name])) is not None
    }
    return KeptRows(
        _circumstances(report, metrics, tuple(labels), windows),
        np.frombuffer(keys, dtype=np.uint8).reshape(len(records), _KEY_BYTES),
        tuple(record.category for record in records),
        None if clusters is None else np.array(_codes(clusters)[0], dtype=np.int64),
        {(one.model, metric.name): one.rows[metric.name] for one in scored for metric in metrics},
        values,
    )


def _circumstances(
    report: Report, metrics: Sequence[Metric[Any]], labels: tuple[str, ...], windows: Windows | None
) -> Circumstances:
    examples = report.prompting.get("examples")
    prompting = {**report.prompting, "examples": examples["hash"] if isinstance(examples, dict) else None}
    return Circumstances(
        dataset=report.dataset or report.data_uri,
        place=report.data_uri,
        content_hash=report.data_hash,
        conditions={
            "task": report.task,
            **{f"prompting.{name}": one for name, one in prompting.items()},
            **{f"generation.{name}": one for name, one in report.generation.items()},
        },
        models=tuple(map(_kept_model, report.models)),
        metrics=tuple(
            KeptMetric(one.name, one.signature, one.unit, one.direction, tuple(one.columns)) for one in metrics
        ),
        labels=labels,
        windows=windows,
    )


def _kept_model(model: EvaluatedModel) -> KeptModel:
    # What stored responses have for weights is the hash of their data, which is another one for each dataset.
    return KeptModel(model.name, "" if model.kind == STORED else model.weights, model.template)


def to_bytes(kept: KeptRows) -> bytes:
    """The file's bytes; the same for the same rows."""
    from safetensors.numpy import save

    codes, categories = _codes(kept.categories)
    tensors: dict[str, NDArray[Any]] = {"keys": kept.keys, "categories": np.array(codes, dtype=np.int64)}
    if kept.clusters is not None:
        tensors["clusters"] = kept.clusters
    for number, model in enumerate(kept.of.models):
        for metric in kept.of.metrics:
            pair = model.name, metric.name
            tensors[f"rows.{number}.{metric.name}"] = kept.rows[pair]
            if pair in kept.values:
                tensors[f"values.{number}.{metric.name}"] = kept.values[pair]
    about = {"version": _VERSION, "categories": categories, "of": to_json(kept.of)}
    # One entry of metadata: safetensors writes several in any order.
    return save(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        metadata={"outcrop": json.dumps(about, ensure_ascii=False)},
    )


def from_bytes(data: bytes) -> KeptRows:
    """The rows that ``to_bytes`` wrote.

    Raises:
        NotSupported: A newer version wrote them.
    """
    from safetensors.numpy import load

    length = int.from_bytes(data[:8], "little")
    about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["outcrop"])
    if about["version"] != _VERSION:
        raise NotSupported(f"the kept rows have version {about['version']}; this Outcrop reads version {_VERSION}")
    tensors = load(data)
    of = from_json(Circumstances, about["of"])
    names = about["categories"]

    def by_pair(kind: str) -> dict[tuple[str, str], NDArray[np.float64]]:
        return {
            (model.name, metric.name): tensors[name]
            for number, model in enumerate(of.models)
            for metric in of.metrics
            if (name := f"{kind}.{number}.{metric.name}") in tensors
        }

    return KeptRows(
        of,
        tensors["keys"],
        tuple(names[code] for code in tensors["categories"]),
        tensors.get("clusters"),
        by_pair("rows"),
        by_pair("values"),
    )


def restored(kept: KeptRows, metric: KeptMetric) -> Metric[Any] | None:
    """A metric that scores the kept rows, or the kept values where its score is their mean; None where there is none.

    A function of sums needs the metric itself, as this version of Outcrop has it by that name, with the same signature.
    """
    if all((model.name, metric.name) in kept.values for model in kept.of.models):
        return KeptMean(metric.name, metric.signature, metric.unit, metric.direction)
    try:
        kind = task_type(kept.of.conditions["task"])
        (found,) = task_metrics(kind, (metric.name,), labels=kept.of.labels, windows=kept.of.windows)
    except UserError:
        return None
    return found if found.signature == metric.signature else None


def kept_scores(kept: KeptRows, model: str, metric: Metric[Any]) -> Rows:
    """A model's rows as a metric that was ``restored`` takes them, shape ``(n, k)``."""
    return kept.values[model, metric.name][:, None] if isinstance(metric, KeptMean) else kept.rows[model, metric.name]


def _codes(names: Sequence[str | None]) -> tuple[list[int], list[str | None]]:
    """The names as numbers from 0 in the order they come, and the names by number."""
    code_of: dict[str | None, int] = {}
    return [code_of.setdefault(name, len(code_of)) for name in names], list(code_of)
