"""Tables that somebody else made, through the door: values by hand or by the metric on the whole, and every refusal."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outcrop.app.scoring import ScoringRequest, TableTask, score_table, table_task
from outcrop.domain.errors import InvalidInput, NotFound, NotSupported
from outcrop.domain.scores import Score
from outcrop.evaluation import tables
from outcrop.evaluation.columns import Columns
from outcrop.evaluation.tables import TableReport
from outcrop.metrics import named
from outcrop.metrics.classification import METRICS as OF_LABELS
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.protocol import Pair
from outcrop.reports.document import document

Row = dict[str, Any]

#: Two right of four; no record is like another.
TEXTS = [
    {"prediction": "the cat sat", "reference": "the cat sat"},
    {"prediction": "a dog, and \"more\"", "reference": "a dog ran"},
    {"prediction": "über uns", "reference": "über uns"},
    {"prediction": "", "reference": "something"},
]  # fmt: skip


def jsonl(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def delimited(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
    return path


def parquet(path: Path, rows: Sequence[Row]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(list(rows)), path)
    return path


def by_metric(found: TableReport, model: str | None = None) -> dict[str, Score]:
    return {score.metric: score for score in found.scores if model in (None, score.model)}


def refused(request: ScoringRequest) -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        score_table(request)
    folder = str(request.file.parent)
    return [str(fault).replace(f"{folder}/", "") for fault in raised.value.faults]


# formats


def test_every_format_gives_the_same_scores(tmp_path: Path) -> None:
    (tmp_path / "said.txt").write_text("".join(row["prediction"] + "\n" for row in TEXTS), encoding="utf-8")
    (tmp_path / "right.txt").write_text("".join(row["reference"] + "\n" for row in TEXTS), encoding="utf-8")
    requests = [
        ScoringRequest(jsonl(tmp_path / "a.jsonl", TEXTS)),
        ScoringRequest(delimited(tmp_path / "a.csv", TEXTS)),
        ScoringRequest(delimited(tmp_path / "a.tsv", TEXTS)),
        ScoringRequest(parquet(tmp_path / "a.parquet", TEXTS)),
        ScoringRequest(tmp_path / "said.txt", references=tmp_path / "right.txt"),
    ]
    found = [[replace(score, model="") for score in score_table(request).scores] for request in requests]
    assert all(scores == found[0] for scores in found)
    pairs = [Pair(row["prediction"], (row["reference"],)) for row in TEXTS]
    for score in found[0]:
        metric = named(score.metric)
        assert score.value == metric.score(metric.prepare(pairs))
        assert (score.signature, score.n_scored, score.n_given) == (metric.signature, 4, 4)
    assert [score.metric for score in found[0]] == ["rougeL", "rouge1", "rouge2", "exact_match"]
    assert found[0][3].value == 0.5


def test_a_table_of_many_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of parts are those of the whole, and progress goes from part to part to the end."""
    rows = [{"prediction": f"w{n % 7} w{n % 3}", "reference": f"w{n % 5} w{n % 3}"} for n in range(50)]
    request = ScoringRequest(jsonl(tmp_path / "a.jsonl", rows), metrics=["rougeL", "bleu"])
    told: list[tuple[int, int]] = []
    whole = score_table(request)
    monkeypatch.setattr(tables, "_PART", 7)
    assert score_table(request, tell=lambda *done: told.append(done)) == whole
    size = request.file.stat().st_size
    assert len(told) == 8
    assert sorted(told) == told
    assert told[-1] == (size, size)


# texts


def test_missing_texts_are_counted_and_not_zero(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"prediction": "yes", "reference": ["no", "yes"]},
        {"prediction": "", "reference": "yes"},
        {"prediction": "", "reference": ""},
        {"prediction": None, "reference": "yes"},
        {"reference": "yes"},
        {"prediction": "yes", "reference": None},
        {"prediction": "yes", "reference": []},
    ]
    found = by_metric(score_table(ScoringRequest(jsonl(tmp_path / "a.jsonl", rows))))
    # An empty response is a wrong one, and a right one where nothing is asked for; ROUGE has no words to find there.
    assert (found["exact_match"].value, found["exact_match"].n_scored) == (2 / 3, 3)
    assert (found["rougeL"].value, found["rougeL"].n_scored) == (0.5, 2)
    assert {score.n_given for score in found.values()} == {7}


def test_nothing_that_can_be_scored(tmp_path: Path) -> None:
    rows: list[Row] = [{"prediction": None, "reference": "a"}]
    found = score_table(ScoringRequest(jsonl(tmp_path / "a.jsonl", rows), metrics=["exact_match"]))
    assert (found.scores[0].n_scored, found.scores[0].n_given) == (0, 1)
    assert document(found)["scores"][0]["value"] is None


def test_one_record_has_no_interval(tmp_path: Path) -> None:
    found = score_table(ScoringRequest(jsonl(tmp_path / "a.jsonl", TEXTS[:1])))
    assert {(score.value, score.low, score.high, score.n_scored) for score in found.scores} == {(1, None, None, 1)}


def test_families_and_repeated_names(tmp_path: Path) -> None:
    request = ScoringRequest(jsonl(tmp_path / "a.jsonl", TEXTS), metrics=["rouge1", "rouge", "rouge1"])
    assert [score.metric for score in score_table(request).scores] == ["rouge1", "rougeL", "rouge2"]


def test_metrics_that_are_not_to_be_had(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", TEXTS)
    with pytest.raises(NotFound, match="No metric is named 'rougeX'"):
        score_table(ScoringRequest(file, metrics=["rougeX"]))
    with pytest.raises(NotSupported, match="encoder"):
        score_table(ScoringRequest(file, metrics=["bertscore"]))
    for task, name in (("regression", "mae"), ("forecast", "mean_wql"), ("classification", "accuracy")):
        asked = ScoringRequest(
            jsonl(tmp_path / "b.jsonl", [{"prediction": 1, "reference": 1, "p10": 1}]), table_task(task), ["nope"]
        )
        assert refused(asked)[0].startswith("metrics: found 'nope'; expected one of ")
        assert name in refused(asked)[0]


def test_tasks_by_name() -> None:
    assert table_task("forecast") is TableTask.FORECAST
    with pytest.raises(InvalidInput, match="task: found 'fun'; expected one of text, classification, regression"):
        table_task("fun")


# two tables


def ids(rows: Sequence[Row]) -> list[Row]:
    return [{"id": number, **row} for number, row in enumerate(rows)]


def test_a_table_against_itself(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", ids(TEXTS))
    for columns in (Columns(), Columns(id="id")):
        found = score_table(ScoringRequest(file, metrics=["rougeL", "bleu"], against=file, columns=columns))
        assert [(one.difference, one.n) for one in found.comparisons] == [(0, 4), (0, 4)]
        assert len(found.scores) == 4


def test_against_another(tmp_path: Path) -> None:
    """Exact match 2 of 4 against 1 of 4, by hand; the first metric is the primary one, the baseline stands first."""
    other = [row | {"prediction": "other"} if row["prediction"] == "über uns" else row for row in TEXTS]
    request = ScoringRequest(
        jsonl(tmp_path / "new.jsonl", TEXTS),
        metrics=["exact_match", "token_f1"],
        against=delimited(tmp_path / "old.csv", other),
    )
    found = score_table(request)
    assert [(score.model, score.metric) for score in found.scores] == [
        (name, metric) for name in ("old.csv", "new.jsonl") for metric in ("exact_match", "token_f1")
    ]
    [exact, _] = found.comparisons
    assert (exact.baseline, exact.candidate, exact.difference, exact.n) == ("old.csv", "new.jsonl", 0.25, 4)
    assert (found.n_unmatched, found.groups) == (0, ())


def test_files_of_one_name_go_by_their_paths(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    here, there = jsonl(tmp_path / "a.jsonl", TEXTS), jsonl(tmp_path / "old" / "a.jsonl", TEXTS)
    found = score_table(ScoringRequest(here, metrics=["exact_match"], against=there))
    assert [score.model for score in found.scores] == [str(there), str(here)]


def test_records_are_matched_by_id(tmp_path: Path) -> None:
    new = [{"id": n, "prediction": "a", "reference": "ab"[n % 2]} for n in range(4)]
    old = [{"id": str(n), "prediction": "b", "reference": "ab"[n % 2]} for n in (3, 9, 2, 1)]
    request = ScoringRequest(
        jsonl(tmp_path / "new.jsonl", new),
        metrics=["exact_match"],
        against=delimited(tmp_path / "old.csv", old),
        columns=Columns(id="id"),
    )
    found = score_table(request)
    # Of the ids 1, 2 and 3 the new one has 2 right, the old one 1 and 3; 0 and 9 are in one table only.
    assert found.comparisons[0].difference == pytest.approx(-1 / 3)
    assert (found.comparisons[0].n, found.n_unmatched) == (3, 2)
    assert [score.value for score in found.scores] == [0.75, 0.5]


ONE = [{"id": "a", "prediction": "x", "reference": "y"}, {"id": "b", "prediction": "x", "reference": "z"}]


@pytest.mark.parametrize(
    ("other", "by_id", "told"),
    [
        (ONE[:1], False, "new.jsonl: found 2 records; expected 1 as old.jsonl has: the same records in the same order"),
        (ONE[::-1], False, "new.jsonl: found record 1 with another right answer than in old.jsonl; expected the same"),
        ([ONE[0], {**ONE[1], "reference": "?"}], True, "new.jsonl: found record 2 with another right answer than in"),
        ([ONE[1], ONE[0], ONE[0]], True, 'old.jsonl: found the id "a" in records 2 and 3; expected each id once'),
        ([{**ONE[0], "id": "c"}], True, 'new.jsonl: found ids such as "a", none of which is in old.jsonl; expected'),
        ([ONE[0], {**ONE[1], "id": None}], True, "old.jsonl:2: id: found null; expected a text or a whole number"),
    ],
)  # fmt: skip
def test_other_records(tmp_path: Path, other: Sequence[Row], by_id: bool, told: str) -> None:
    request = ScoringRequest(
        jsonl(tmp_path / "new.jsonl", ONE),
        against=jsonl(tmp_path / "old.jsonl", other),
        columns=Columns(id="id" if by_id else None),
    )
    [fault] = refused(request)
    assert fault.startswith(told)


def test_the_same_answers_in_another_writing(tmp_path: Path) -> None:
    """A list of one text, a number as text: what counts is what is read."""
    one = jsonl(tmp_path / "a.jsonl", [{"prediction": 1, "reference": 2}, {"prediction": 1, "reference": 3.0}])
    other = delimited(tmp_path / "b.csv", [{"prediction": 2, "reference": "2.0"}, {"prediction": 1, "reference": "3"}])
    found = score_table(ScoringRequest(one, TableTask.REGRESSION, ["mae"], other))
    assert found.comparisons[0].difference == 0.5


# groups and clusters


def test_groups(tmp_path: Path) -> None:
    """Values by hand; a group below five records has no interval, and records without a group are counted."""
    rows: list[Row] = [
        {"prediction": "a", "reference": "a" if n % 3 else "b", "part": "large" if n < 6 else "small"} for n in range(9)
    ]
    rows += [{"prediction": "a", "reference": "b", "part": None}]
    file = jsonl(tmp_path / "a.jsonl", rows)
    request = ScoringRequest(file, metrics=["exact_match", "token_f1"], columns=Columns(group="part"))
    found = score_table(request)
    assert [(group.name, group.n, group.comparisons) for group in found.groups] == [("large", 6, ()), ("small", 3, ())]
    assert [score.value for group in found.groups for score in group.scores] == pytest.approx([2 / 3] * 4)
    assert [score.low is None for group in found.groups for score in group.scores] == [False, False, True, True]
    assert (found.n_ungrouped, found.scores[0].n_given) == (1, 10)
    compared = score_table(replace(request, against=file))
    assert [one.group for group in compared.groups for one in group.comparisons] == ["large", "small"]
    assert {one.metric for group in compared.groups for one in group.comparisons} == {"exact_match"}
    assert score_table(replace(request, columns=Columns())).n_ungrouped == 0


def test_clusters_widen_the_interval(tmp_path: Path) -> None:
    """Ten answers, each five times, say no more than ten do."""
    rows = [{"prediction": "a" if n % 2 else "b", "reference": "a", "asked": n} for n in range(10)] * 5
    file = jsonl(tmp_path / "a.jsonl", rows)
    alone, clustered = (
        score_table(ScoringRequest(file, metrics=["exact_match"], columns=Columns(cluster=cluster))).scores[0]
        for cluster in (None, "asked")
    )
    assert alone.value == clustered.value == 0.5
    assert None not in (alone.low, alone.high, clustered.low, clustered.high)
    assert (clustered.high or 0) - (clustered.low or 0) > 1.8 * ((alone.high or 0) - (alone.low or 0))


def test_a_record_without_cluster(tmp_path: Path) -> None:
    rows: list[Row] = [{**TEXTS[0], "asked": 1}, {**TEXTS[1], "asked": None}]
    request = ScoringRequest(jsonl(tmp_path / "a.jsonl", rows), columns=Columns(cluster="asked"))
    assert refused(request) == ["a.jsonl:2: asked: found null; expected a text or a whole number in each record"]


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    columns = Columns(prediction="said", id="key", group="part", cluster="asked")
    there = 'no such column; there are "prediction", "reference"; expected that column, or an option that names it'
    assert refused(ScoringRequest(jsonl(tmp_path / "a.jsonl", TEXTS), columns=columns)) == [
        f"a.jsonl:1: {name}: found {there}" for name in ("said", "key", "part", "asked")
    ]


def test_all_faults_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prediction,reference\n1,2\nx,3\n1\n1,y\n", encoding="utf-8")
    assert refused(ScoringRequest(tmp_path / "a.csv", TableTask.REGRESSION)) == [
        'a.csv:3: prediction: found "x"; expected a number',
        "a.csv:4: found 1 cell; expected 2, as the header has",
        'a.csv:5: reference: found "y"; expected a number',
    ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "prediction,reference\n", "a.csv: found no rows; expected one row at least"),
        ("a.csv", "", "a.csv:1: found no header; expected the names of the columns in the first line"),
        ("a.jsonl", "", "a.jsonl: found an empty file; expected JSON Lines"),
        ("a.txt", "a\n", "a.txt: found plain text without references; expected --references FILE"),
    ],
)
def test_tables_of_nothing(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    [fault] = refused(ScoringRequest(tmp_path / name))
    assert fault.startswith(told)


# labels

LABELS: list[Row] = [
    {"label": "spam", "prediction": "spam", "score": 0.9},
    {"label": "ham", "prediction": "spam", "score": 0.6},
    {"label": "ham", "prediction": "ham", "score": 0.2},
    {"label": "spam", "prediction": "ham", "score": 0.7},
    {"label": "spam", "prediction": None, "score": None},
    {"label": None, "prediction": "ham", "score": 0.1},
]


def test_classification(tmp_path: Path) -> None:
    request = ScoringRequest(jsonl(tmp_path / "a.jsonl", LABELS), TableTask.CLASSIFICATION, positive="spam")
    found = by_metric(score_table(request))
    items = [
        Classified(row["label"], row["prediction"], None if row["score"] is None else {"spam": row["score"]})
        for row in LABELS
    ]
    assert next(iter(found)) == "accuracy"
    # By hand: right are 2 of 4; both scores of spam are above both of ham.
    assert (found["accuracy"].value, found["roc_auc"].value) == (0.5, 1)
    for name, score in found.items():
        metric = OF_LABELS[name](["ham", "spam"], "spam")
        assert score.value == pytest.approx(metric.score(metric.prepare(items)), nan_ok=True), name
        assert (score.n_scored, score.n_given) == (4, 6), name


def test_labels_and_scores_by_the_columns_that_are_there(tmp_path: Path) -> None:
    of_labels = [{"label": row["label"], "prediction": row["prediction"]} for row in LABELS]
    found = score_table(ScoringRequest(jsonl(tmp_path / "a.jsonl", of_labels), TableTask.CLASSIFICATION))
    assert "macro_f1" in by_metric(found)
    assert "log_loss" not in by_metric(found)
    of_scores = [{"reference": row["label"], "score": {"ham": 0.5, "spam": 0.5}} for row in LABELS]
    scored = by_metric(score_table(ScoringRequest(jsonl(tmp_path / "b.jsonl", of_scores), TableTask.CLASSIFICATION)))
    assert scored["log_loss"].value == pytest.approx(math.log(2))
    assert "accuracy" not in scored
    asked = ScoringRequest(jsonl(tmp_path / "c.jsonl", LABELS), TableTask.CLASSIFICATION, ["roc_auc"], positive="ham")
    assert [(score.metric, score.value) for score in score_table(asked).scores] == [("roc_auc", 0)]


@pytest.mark.parametrize(
    ("rows", "positive", "told"),
    [
        (LABELS, "egg", 'a.jsonl: label: found the labels "ham", "spam"; expected "egg" among them, which --positive'),
        (LABELS, None, "a.jsonl:1: score: found one number; expected --positive LABEL"),
        ([{"label": "a", "prediction": "b"}], None, 'a.jsonl: label: found the label "a" alone; expected two labels'),
        ([{"label": "", "prediction": "b"}], "b", "a.jsonl: label: found no label in any row; expected two labels"),
        ([{"label": [], "prediction": "b"}], None, "a.jsonl:1: label: found a list of 0; expected a label"),
        ([{"text": "a"}], None, 'a.jsonl:1: label: found no such column; there are "text"'),
    ],
)
def test_labels_that_can_not_be_scored(tmp_path: Path, rows: list[Row], positive: str | None, told: str) -> None:
    request = ScoringRequest(jsonl(tmp_path / "a.jsonl", rows), TableTask.CLASSIFICATION, positive=positive)
    assert refused(request)[0].startswith(told)


def test_one_class_has_the_metrics_that_need_no_other(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", [{"label": "a", "prediction": "a"}, {"label": "a", "prediction": "b"}])
    alone = score_table(ScoringRequest(file, TableTask.CLASSIFICATION, ["accuracy"]))
    assert [score.value for score in alone.scores] == [0.5]
    found = document(score_table(ScoringRequest(file, TableTask.CLASSIFICATION, ["mcc", "roc_auc"], positive="b")))
    assert [(score["value"], score["n_given"]) for score in found["scores"]] == [(None, 2), (None, 2)]


def test_truth_values_as_labels(tmp_path: Path) -> None:
    rows = [{"label": n < 3, "prediction": n < 2} for n in range(4)]
    request = ScoringRequest(jsonl(tmp_path / "a.jsonl", rows), TableTask.CLASSIFICATION, ["recall"], positive="true")
    assert score_table(request).scores[0].value == pytest.approx(2 / 3)


# numbers


def test_regression(tmp_path: Path) -> None:
    """Errors 1, -1 and 2 of numbers, and three rows without one; worked by hand."""
    cells = [("2", "1"), ("1", "2"), ("5", "3"), ("", "4"), ("nan", "4"), ("4", "inf")]
    rows = [{"prediction": prediction, "reference": reference} for prediction, reference in cells]
    found = by_metric(score_table(ScoringRequest(delimited(tmp_path / "a.csv", rows), TableTask.REGRESSION)))
    assert [found[name].value for name in ("mae", "bias")] == pytest.approx([4 / 3, 2 / 3])
    assert found["rmse"].value == pytest.approx(math.sqrt(2))
    assert found["r2"].value == pytest.approx(1 - 6 / 2)
    assert {(score.n_scored, score.n_given) for score in found.values()} == {(3, 6)}
    assert "mase" not in found


def test_a_constant_target_has_no_r2(tmp_path: Path) -> None:
    rows = [{"prediction": n, "reference": 2, "scale": 2} for n in range(4)]
    found = by_metric(score_table(ScoringRequest(jsonl(tmp_path / "a.jsonl", rows), TableTask.REGRESSION)))
    assert found["r2"].value is None
    assert (found["r2"].n_scored, found["mae"].value, found["mase"].value) == (4, 1, 0.5)


def test_forecasts(tmp_path: Path) -> None:
    """One of two at or below p90, and a row without a forecast."""
    rows: list[Row] = [{"reference": actual, "P50": 1, "p90": 2} for actual in (1, 3)]
    rows += [{"reference": 3, "p90": None}]
    file = jsonl(tmp_path / "a.jsonl", rows)
    found = by_metric(score_table(ScoringRequest(file, TableTask.FORECAST, ["coverage", "pinball"])))
    assert list(found) == ["coverage_p50", "coverage_p90", "pinball_p50", "pinball_p90"]
    assert (found["coverage_p90"].value, found["coverage_p90"].n_scored, found["coverage_p90"].n_given) == (0.5, 2, 3)
    # Pinball losses of p90: 0.1 * (2 - 1) and 0.9 * (3 - 2).
    assert found["pinball_p90"].value == pytest.approx(0.5)
    assert next(iter(by_metric(score_table(ScoringRequest(file, TableTask.FORECAST))))) == "mean_wql"


def test_extraction(tmp_path: Path) -> None:
    """Two entities found of three, and one that is none."""
    rows: list[Row] = [
        {"prediction": ["B-PER", "O", "B-LOC"], "reference": "B-PER O O"},
        {"prediction": "O B-LOC B-LOC", "reference": ["O", "B-LOC", "I-LOC"]},
        {"prediction": [{"type": "ORG", "start": 0, "end": 3}], "reference": [{"type": "ORG", "start": 0, "end": 3}]},
        {"prediction": None, "reference": ["O"]},
    ]
    found = by_metric(score_table(ScoringRequest(jsonl(tmp_path / "a.jsonl", rows), TableTask.EXTRACTION)))
    assert found["entity_precision"].value == pytest.approx(2 / 5)
    assert found["entity_recall"].value == pytest.approx(2 / 3)
    assert found["entity_f1"].value == pytest.approx(2 * 2 / (5 + 3))
    assert (found["entity_f1"].n_scored, found["entity_f1"].n_given) == (3, 4)
