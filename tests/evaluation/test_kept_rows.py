"""What a job keeps of its rows comes back as it was, and scores the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outcrop.domain.errors import NotSupported
from outcrop.domain.records import EvaluationRecord
from outcrop.domain.scores import Direction
from outcrop.evaluation.kept_rows import (
    KeptMean,
    KeptMetric,
    KeptRows,
    from_bytes,
    keep_rows,
    kept_scores,
    record_key,
    restored,
    to_bytes,
)
from outcrop.evaluation.scoring import Scored, score_items
from outcrop.evaluation.task_metrics import Windows, task_metrics
from outcrop.evaluation.tasks import task_type
from outcrop.metrics.length_ratio import length_ratio
from outcrop.metrics.protocol import Pair, TextMetric
from outcrop.metrics.rouge import rouge_l
from tests.reports import samples

RECORDS = [
    EvaluationRecord(1, "What is gneiss?", "a banded rock", "rocks"),
    EvaluationRecord(2, "Was ist Schiefer?", "ein Gestein 🪨", None),
    EvaluationRecord(3, "And slate?", None, "rocks"),
]
METRICS: list[TextMetric] = [rouge_l(), length_ratio()]
ANSWERS = {samples.BASE: ["a rock", "ein Gestein", "x"], samples.TUNED: ["a banded rock", "", "y"]}


def scored(model: str, texts: list[str]) -> Scored:
    pairs = [Pair(text, record.right) for text, record in zip(texts, RECORDS, strict=True)]
    return score_items(model, pairs, texts, METRICS, lambda _: None)


@pytest.fixture
def kept() -> KeptRows:
    all_scored = [scored(model, texts) for model, texts in ANSWERS.items()]
    return keep_rows(samples.report(), RECORDS, METRICS, all_scored, ["u1", "u2", "u1"])


def test_what_is_read_is_what_was_written(kept: KeptRows) -> None:
    found = from_bytes(to_bytes(kept))
    assert found.of == kept.of
    assert found.categories == ("rocks", None, "rocks")
    assert found.clusters is not None
    assert found.clusters.tolist() == [0, 1, 0]
    assert found.keys.tolist() == kept.keys.tolist()
    assert found.rows.keys() == {(model, metric.name) for model in ANSWERS for metric in METRICS}
    for pair, rows in kept.rows.items():
        assert np.array_equal(found.rows[pair], rows, equal_nan=True)
        assert found.rows[pair].dtype == np.float64
    # The ratio of lengths is no mean over records.
    assert {metric for _, metric in found.values} == {"rougeL"}


def test_the_same_rows_are_the_same_bytes(kept: KeptRows) -> None:
    assert to_bytes(from_bytes(to_bytes(kept))) == to_bytes(kept)


def test_no_clusters_are_none(kept: KeptRows) -> None:
    assert from_bytes(to_bytes(replace(kept, clusters=None))).clusters is None


def test_no_records_are_none() -> None:
    nothing = [score_items(model, [], [], METRICS, lambda _: None) for model in ANSWERS]
    found = from_bytes(to_bytes(keep_rows(samples.report(), [], METRICS, nothing)))
    assert found.keys.shape == (0, 16)
    assert found.categories == ()


def test_the_circumstances_say_what_must_agree(kept: KeptRows) -> None:
    report = samples.report()
    assert (kept.of.place, kept.of.content_hash) == (report.data_uri, report.data_hash)
    assert kept.of.conditions["task"] == report.task
    assert {f"generation.{name}" for name in report.generation} <= kept.of.conditions.keys()
    assert [model.weights for model in kept.of.models] == [model.weights for model in report.models]
    assert [metric.signature for metric in kept.of.metrics] == [metric.signature for metric in METRICS]


def test_restored_metrics_score_as_the_job_did(kept: KeptRows) -> None:
    for metric, entry in zip(METRICS, kept.of.metrics, strict=True):
        again = restored(kept, entry)
        assert again is not None
        assert (again.name, again.signature, again.unit, again.direction) == (
            metric.name,
            metric.signature,
            metric.unit,
            metric.direction,
        )
        for model in ANSWERS:
            assert again.score(kept_scores(kept, model, again)) == metric.score(kept.rows[model, metric.name])


def test_a_sum_whose_metric_has_changed_is_not_restored(kept: KeptRows) -> None:
    ratio = kept.of.metrics[1]
    assert restored(kept, replace(ratio, signature="length_ratio|tok:other|v0")) is None
    assert restored(kept, replace(ratio, name="no_such_metric")) is None


@pytest.mark.parametrize("task", ["classification", "perplexity", "multiple-choice", "extraction"])
def test_every_metric_of_a_task_type_is_restored(task: str, kept: KeptRows) -> None:
    """By its values, or from the task, its labels and its windows."""
    kind, windows = task_type(task), Windows("tokens", 64, 32)
    metrics = task_metrics(kind, kind.metrics, labels=("b", "a"), windows=windows)
    rows = {(model, metric.name): np.ones((3, len(metric.columns))) for model in ANSWERS for metric in metrics}
    entries = tuple(KeptMetric(one.name, one.signature, one.unit, one.direction, tuple(one.columns)) for one in metrics)
    of = replace(kept.of, conditions={"task": task}, metrics=entries, labels=("b", "a"), windows=windows)
    again = from_bytes(to_bytes(replace(kept, of=of, rows=rows, values={})))
    for metric, entry in zip(metrics, again.of.metrics, strict=True):
        found = restored(again, entry)
        assert found is not None
        assert (found.name, found.signature, tuple(found.columns)) == (
            metric.name,
            metric.signature,
            tuple(metric.columns),
        )


def test_kept_values_have_no_texts_to_score() -> None:
    with pytest.raises(NotSupported, match="evaluate the texts again"):
        KeptMean("m", "m|v1", "", Direction.HIGHER).prepare(["text"])


def test_stored_responses_are_one_model_on_all_data() -> None:
    report = samples.report()
    stored = replace(report.models[1], kind="stored responses", weights=report.data_hash, template="")
    report = replace(report, models=(report.models[0], stored))
    nothing = [score_items(model, [], [], METRICS, lambda _: None) for model in ANSWERS]
    base, brought = keep_rows(report, [], METRICS, nothing).of.models
    assert (base.weights, brought.weights) == (report.models[0].weights, "")


def test_a_newer_file_is_refused(kept: KeptRows) -> None:
    data = to_bytes(kept).replace(b'\\"version\\": 1', b'\\"version\\": 2')
    with pytest.raises(NotSupported, match="have version 2"):
        from_bytes(data)


def test_a_key_is_of_what_is_asked_and_what_is_right() -> None:
    one = record_key("a", ("b",))
    assert len(one) == 16
    assert one == record_key("a", ("b",))
    others = [record_key("a", ()), record_key("ab", ()), record_key("a", ("b", "c")), record_key("a", ("b",), ("x",))]
    assert len({one, *others}) == 5
