from __future__ import annotations

import math

import pytest

from outcrop.domain.generation import LogLikelihood
from outcrop.domain.records import EvaluationRecord
from outcrop.evaluation.items import Answer, as_items, labels_of, listed, named_label
from outcrop.evaluation.task_metrics import task_metrics
from outcrop.evaluation.tasks import TASKS, Read
from outcrop.metrics.choices import Chosen
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.perplexity import ScoredText
from outcrop.metrics.protocol import Pair

LABELS = ("net", "net library", "sound")


@pytest.mark.parametrize(
    ("response", "label"),
    [
        ("net", "net"),
        (" Net. ", "net"),
        ("**sound**", "sound"),
        ("It is a net library, not sound.", "net library"),
        ("I would say: SOUND (or net)", "sound"),
        ("net\nlibrary", "net library"),
        ("internet", None),
        ("network", None),
        ("", None),
        ("none of these", None),
    ],
)
def test_the_label_that_a_response_names(response: str, label: str | None) -> None:
    assert named_label(response, LABELS) == label


@pytest.mark.parametrize(
    ("response", "things"),
    [
        ('["#1", "#2"]', ["#1", "#2"]),
        ('The list is ["a b", 3].', ["a b", "3"]),
        ("- one\n- two three\n", ["one", "two three"]),
        ("1. one\n2) two", ["one", "two"]),
        ("one, two , three.", ["one", "two", "three"]),
        ("[one, two]", ["[one", "two]"]),
        ("None.", []),
        ("[]", []),
        ("", []),
    ],
)
def test_the_things_that_a_response_lists(response: str, things: list[str]) -> None:
    assert listed(response) == things


def likelihoods(*values: float) -> tuple[LogLikelihood, ...]:
    return tuple(LogLikelihood(value, 3, greedy=False) for value in values)


def test_a_text_is_held_against_all_that_is_right() -> None:
    records = [
        EvaluationRecord(1, "p", "a", references=("a", "b")),
        EvaluationRecord(2, "p", "a"),
        EvaluationRecord(3, "p"),
    ]
    answers = [Answer("x"), Answer(None), Answer("y")]
    assert as_items(Read.TEXT, records, answers, ()) == [Pair("x", ("a", "b")), Pair(None, ("a",)), Pair("y", ())]


def test_a_response_without_a_label_is_wrong_and_one_that_is_not_there_is_missing() -> None:
    records = [EvaluationRecord(place, "p", "net") for place in range(4)]
    answers = [Answer("net!"), Answer("who knows"), Answer(" "), Answer(None)]
    found = as_items(Read.LABEL, records, answers, LABELS)
    assert [one.prediction for one in found] == ["net", "who knows", "(nothing)", None]
    (accuracy,) = task_metrics(TASKS["classification"], ["accuracy"], labels=LABELS)
    rows = accuracy.prepare(found)
    assert accuracy.score(rows) == pytest.approx(1 / 3)


def test_a_chosen_label_has_the_probabilities_of_all() -> None:
    records = [EvaluationRecord(1, "p", "sound")]
    (found,) = as_items(Read.LABEL, records, [Answer("net", likelihoods(math.log(3), math.log(2), 0.0))], LABELS)
    assert isinstance(found, Classified)
    assert (found.label, found.prediction) == ("sound", "net")
    assert [found.score_of(label) for label in LABELS] == pytest.approx([1 / 2, 1 / 3, 1 / 6])


def test_choices_know_where_the_right_ones_are() -> None:
    record = EvaluationRecord(1, "p", "b", references=("b", "c"), choices=("a", "b", "c"))
    (found,) = as_items(Read.CHOICE, [record], [Answer("a", likelihoods(-1, -2, -3))], ())
    assert found == Chosen(("a", "b", "c"), (-1, -2, -3), (1, 2))


def test_listed_things_count_once_whatever_their_case() -> None:
    records = [
        EvaluationRecord(1, "p", "#1", references=("#1", "#2")),
        EvaluationRecord(2, "p", '["Rock", "sand"]'),
        EvaluationRecord(3, "p"),
    ]
    answers = [Answer("#1, #1, #3"), Answer("ROCK"), Answer("x")]
    metrics = task_metrics(TASKS["extraction"], ["item_f1", "item_precision", "item_recall"])
    items = as_items(Read.ITEMS, records, answers, ())
    # Two hits of three named and four wanted; the last record has no reference.
    scores = [metric.score(metric.prepare(items)) for metric in metrics]
    assert scores == pytest.approx([4 / 7, 2 / 3, 1 / 2])


def test_a_text_that_was_read() -> None:
    record = EvaluationRecord(1, "a text")
    found = as_items(Read.LIKELIHOOD, [record, record], [Answer(None, likelihoods(-6)), Answer(None)], ())
    assert found == [ScoredText("a text", -6, 3), ScoredText("a text", 0, 0)]


def test_labels_are_those_of_all_records() -> None:
    records = [
        EvaluationRecord(1, "p", "b"),
        EvaluationRecord(2, "p"),
        EvaluationRecord(3, "p", "a", choices=("a", "c")),
    ]
    assert labels_of(records) == ("a", "b", "c")
