"""Jobs side by side: the same records in the same order, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.evaluation.joining import JobRows, Joined, joined
from outcrop.evaluation.kept_rows import KeptMetric, KeptRows
from tests.evaluation.doubles import MEAN, kept


def values(found: Joined, model: str, dataset: int = 0) -> list[float]:
    scored = found.datasets[dataset].of(model)
    assert scored is not None
    column: list[float] = scored.rows[MEAN.name][:, 0].tolist()
    return column


def refused(*jobs: JobRows, metrics: tuple[str, ...] = (), baseline: str | None = None) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        joined(jobs, metrics=metrics, baseline=baseline)
    return [(fault.where, fault.field) for fault in caught.value.faults]


def test_models_of_two_jobs_stand_side_by_side() -> None:
    found = joined([JobRows("one", (kept({"base": [1, 2]}),)), JobRows("two", (kept({"new": [3, 4]}),))])
    assert found.models == ("base", "new")
    assert [one.name for one in found.datasets] == ["news"]
    assert (values(found, "base"), values(found, "new")) == ([1, 2], [3, 4])
    assert found.notes == ()


def test_records_are_matched_by_content() -> None:
    """Another order, one more here and one more there; the file is another one at the same place."""
    one = kept({"base": [1, 2, 3]}, ["a", "b", "c"], categories=["x", "y", "z"])
    two = kept({"new": [30, 40, 10]}, ["c", "d", "a"], content_hash="2" * 64)
    found = joined([JobRows("one", (one,)), JobRows("two", (two,))])
    assert (values(found, "base"), values(found, "new")) == ([1, 3], [10, 30])
    assert found.datasets[0].categories == ("x", "z")
    assert found.datasets[0].n_left_out == 2
    assert found.notes == ("news: 2 records are not in all of its jobs, and are left out.",)


def test_records_that_are_there_twice_are_paired_in_turn() -> None:
    one = kept({"base": [1, 2, 3]}, ["a", "a", "b"])
    two = kept({"new": [10, 20, 30, 40]}, ["a", "b", "a", "a"])
    found = joined([JobRows("one", (one,)), JobRows("two", (two,))])
    assert (values(found, "base"), values(found, "new")) == ([1, 2, 3], [10, 30, 20])
    assert found.datasets[0].n_left_out == 1


def test_datasets_of_several_jobs_are_columns() -> None:
    news = kept({"base": [1, 2], "new": [3, 4]})
    mail = kept({"new": [5], "base": [6]}, place="/data/mail.jsonl", content_hash="3" * 64)
    found = joined([JobRows("one", (news,)), JobRows("two", (mail,))])
    assert found.models == ("base", "new")
    assert [one.name for one in found.datasets] == ["news", "mail"]
    assert values(found, "base", 1) == [6]


def test_datasets_of_one_name_are_told_apart_by_place() -> None:
    one = kept({"base": [1], "new": [1]}, place="/a/test.jsonl", content_hash="4" * 64)
    two = kept({"base": [1], "new": [1]}, place="/b/test.jsonl", content_hash="5" * 64)
    found = joined([JobRows("one", (one, two))])
    assert [each.name for each in found.datasets] == ["/a/test.jsonl", "/b/test.jsonl"]


def test_one_file_at_two_places_is_one_dataset() -> None:
    one, two = kept({"base": [1]}, place="/a/x.jsonl"), kept({"new": [2]}, place="/b/y.jsonl")
    assert len(joined([JobRows("one", (one,)), JobRows("two", (two,))]).datasets) == 1


def test_one_job_may_work_on_the_same_data_twice() -> None:
    one = kept({"base": [1]}, conditions={"task": "custom"})
    named = replace(one, of=replace(one.of, dataset="news-2"))
    jobs = [JobRows("one", (kept({"base": [1], "new": [2]}), named)), JobRows("two", (named,))]
    found = joined(jobs)
    assert [(each.name, each.conditions["task"]) for each in found.datasets] == [
        ("news", "summarization"),
        ("news-2", "custom"),
    ]
    assert len(found.notes) == 1


def test_another_model_of_the_same_name_is_another_model() -> None:
    one = kept({"base": [1, 2], "new": [3, 4]})
    two = kept({"new": [5, 6]}, weights={"new": "other weights"})
    found = joined([JobRows("monday", (one,)), JobRows("tuesday", (two,))])
    assert found.models == ("base", "new", "new (tuesday)")
    assert (values(found, "new"), values(found, "new (tuesday)")) == ([3, 4], [5, 6])


@pytest.mark.parametrize(
    ("again", "words"), [([1, 2, np.nan], "the same scores"), ([1, 0, np.nan], "other scores on 1 of 3 records")]
)
def test_a_model_that_comes_again_counts_once(again: list[float], words: str) -> None:
    one, two = kept({"base": [1, 2, np.nan], "a": [0, 0, 0]}), kept({"base": again, "b": [0, 0, 0]})
    found = joined([JobRows("one", (one,)), JobRows("two", (two,))])
    assert found.models == ("base", "a", "b")
    assert values(found, "base")[:2] == [1, 2]
    assert found.notes == (f"news: job two has base again, with {words}; the first job’s count.",)


def test_a_baseline_is_chosen() -> None:
    jobs = [JobRows("one", (kept({"base": [1], "new": [2]}),))]
    assert joined(jobs, baseline="new").models == ("new", "base")
    assert refused(*jobs, baseline="old") == [("compare", "baseline")]


def test_the_field_of_a_signature_that_differs_is_named() -> None:
    one, two = kept({"base": [1]}), kept({"new": [1]}, signature="rouge:L|stem:no|tok:x|v1")
    with pytest.raises(InvalidInput) as caught:
        joined([JobRows("one", (one,)), JobRows("two", (two,))])
    stem, tok = caught.value.faults
    assert (stem.where, stem.field, stem.found) == ("job two", "signature of rougeL, stem", "no")
    assert stem.expected.startswith("yes as in job one")
    assert (tok.field, tok.found) == ("signature of rougeL, tok", "x")


def beside(rows: KeptRows, signature: str) -> KeptRows:
    """With another metric beside the one that decides."""
    entry = KeptMetric("other", signature, "", MEAN.direction, ("a",))
    of = replace(rows.of, metrics=(*rows.of.metrics, entry))
    columns = {(model.name, "other"): rows.values[model.name, MEAN.name] for model in of.models}
    counted = {pair: column[:, None] for pair, column in columns.items()}
    return replace(rows, of=of, rows={**rows.rows, **counted}, values={**rows.values, **columns})


def test_an_unlike_metric_that_does_not_decide_is_left_out() -> None:
    one, two = beside(kept({"base": [1]}), "other|tok:a|v1"), beside(kept({"new": [1]}), "other|tok:b|v1")
    jobs = [JobRows("one", (one,)), JobRows("two", (two,))]
    found = joined(jobs)
    assert [metric.name for metric in found.datasets[0].metrics] == ["rougeL"]
    assert found.notes == ("news: other is left out: its signature has tok a in job one and b in job two.",)
    assert refused(*jobs, metrics=("rougeL", "other")) == [("job two", "signature of other, tok")]
    alone = joined([JobRows("one", (one,)), JobRows("two", (kept({"new": [1]}),))])
    assert alone.notes == ("news: other is left out: job two has not scored it.",)
    alike = joined([JobRows("one", (one,)), JobRows("two", (beside(kept({"new": [1]}), "other|tok:a|v1"),))])
    assert [metric.name for metric in alike.datasets[0].metrics] == ["rougeL", "other"]


def test_another_version_of_a_metric_is_named() -> None:
    one, two = kept({"base": [1]}), kept({"new": [1]}, signature="rouge:L|stem:yes|v2")
    assert refused(JobRows("one", (one,)), JobRows("two", (two,))) == [
        ("job two", "signature of rougeL, name and version")
    ]


def test_all_differences_are_named_at_once() -> None:
    one = kept({"base": [1]}, conditions={"generation.max_tokens": 64})
    two = kept(
        {"new": [1]}, signature="rouge:L|stem:no|v1", conditions={"task": "custom", "generation.max_tokens": 128}
    )
    found = refused(JobRows("one", (one,)), JobRows("two", (two,)), JobRows("three", (two,)))
    assert found == [
        (job, field)
        for job in ("job two", "job three")
        for field in ("task", "generation.max_tokens", "signature of rougeL, stem")
    ]


def test_the_seed_counts_only_where_samples_are_drawn() -> None:
    one = kept({"base": [1]}, conditions={"generation.seed": 1})
    joined([JobRows("one", (one,)), JobRows("two", (kept({"new": [1]}),))])
    drawn: dict[str, object] = {"generation.temperature": 0.7}
    first, second = (
        kept({"base": [1]}, conditions=drawn),
        kept({"new": [1]}, conditions={**drawn, "generation.seed": 1}),
    )
    assert refused(JobRows("one", (first,)), JobRows("two", (second,))) == [("job two", "generation.seed")]


def test_the_seed_counts_where_examples_are_drawn() -> None:
    shown: dict[str, object] = {"prompting.shots": 3}
    first = kept({"base": [1]}, conditions=shown)
    second = kept({"new": [1]}, conditions={**shown, "generation.seed": 1})
    assert refused(JobRows("one", (first,)), JobRows("two", (second,))) == [("job two", "generation.seed")]


@pytest.mark.parametrize("asked", ["choose", "read"])
def test_generation_counts_only_where_something_is_generated(asked: str) -> None:
    one = kept({"base": [1]}, conditions={"prompting.asked": asked, "generation.max_tokens": 16})
    two = kept({"new": [1]}, conditions={"prompting.asked": asked, "generation.max_tokens": 64})
    joined([JobRows("one", (one,)), JobRows("two", (two,))])
    other = kept({"new": [1]}, conditions={"generation.max_tokens": 16})
    assert refused(JobRows("one", (one,)), JobRows("two", (other,))) == [("job two", "prompting.asked")]


def test_jobs_on_other_data_are_refused() -> None:
    other = kept({"new": [1]}, place="/data/mail.jsonl", content_hash="6" * 64)
    assert refused(JobRows("one", (kept({"base": [1]}),)), JobRows("two", (other,))) == [("job two", "data")]


def test_a_file_without_a_record_in_common_is_refused() -> None:
    other = kept({"new": [1]}, ["another"], content_hash="7" * 64)
    assert refused(JobRows("one", (kept({"base": [1]}),)), JobRows("two", (other,))) == [("job two", "data")]


def test_a_metric_that_is_not_there_is_refused() -> None:
    jobs = [JobRows("one", (kept({"base": [1]}),)), JobRows("two", (kept({"new": [1]}),))]
    assert refused(*jobs, metrics=("bleu",)) == [("job one", "metrics"), ("job two", "metrics")]


def test_a_metric_that_can_not_be_scored_again_is_left_out_or_refused() -> None:
    one = kept({"base": [1.0, 2.0], "new": [2.0, 3.0]})
    gone = KeptMetric("gone", "gone|v1", "", MEAN.direction, ("a",))
    rows = {**one.rows, ("base", "gone"): np.ones((2, 1)), ("new", "gone"): np.ones((2, 1))}
    beside = replace(one, of=replace(one.of, metrics=(*one.of.metrics, gone)), rows=rows)
    found = joined([JobRows("one", (beside,))])
    assert [metric.name for metric in found.datasets[0].metrics] == ["rougeL"]
    assert found.notes == ("news: gone is left out: it can’t be scored again from what is kept.",)
    first = replace(one, of=replace(one.of, metrics=(gone, *one.of.metrics)), rows=rows)
    assert refused(JobRows("one", (first,))) == [("job one", "metrics")]
