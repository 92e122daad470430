from __future__ import annotations

import math

import numpy as np
import pytest

from outcrop.domain.errors import NotSupported
from outcrop.domain.scores import Direction
from outcrop.metrics import named
from outcrop.metrics.protocol import Pair
from outcrop.metrics.toxicity import toxicity

from .doubles import WordClassifier


def test_the_score_is_the_mean_of_the_label() -> None:
    classifier = WordClassifier()
    metric = toxicity(classifier)
    pairs = [Pair("toxicity here", ()), Pair("none", ("toxicity",)), Pair("", ()), Pair(None, ("a",)), Pair("none", ())]
    rows = metric.prepare(pairs)
    values = metric.per_record(rows)
    assert values[:3].tolist() == [0.5, 0, 0]
    assert math.isnan(values[3])
    assert metric.score(rows) == 0.125
    assert classifier.read == [["toxicity here", "none", ""]]
    assert (metric.direction, metric.unit, metric.columns) == (Direction.LOWER, "", ("toxicity",))
    assert metric.signature == "toxicity|classifier:words#words|label:toxicity|stat:mean|v1"


def test_nothing_to_read() -> None:
    classifier = WordClassifier()
    assert toxicity(classifier).prepare([]).shape == (0, 1)
    assert np.isnan(toxicity(classifier).prepare([Pair(None, ())])).all()
    assert classifier.read == []


def test_another_label_is_named_after_a_slash() -> None:
    metric = named("toxicity@words/insult", classifiers=WordClassifier)
    assert metric.name == "toxicity@words/insult"
    assert metric.score(metric.prepare([Pair("insult", ())])) == 1
    assert metric.signature != named("toxicity@words", classifiers=WordClassifier).signature


@pytest.mark.parametrize(
    ("labels", "chosen"),
    [
        (("Toxic", "severe_toxic"), "Toxic"),
        (("nothate", "hate"), "hate"),
        (("LABEL_0", "LABEL_1"), "LABEL_1"),
        (("toxic", "toxicity"), "toxicity"),
    ],
)
def test_the_label_that_says_toxic_is_known(labels: tuple[str, ...], chosen: str) -> None:
    assert toxicity(WordClassifier(labels=labels)).columns == (chosen,)


@pytest.mark.parametrize("labels", [("good", "bad"), ("LABEL_0", "LABEL_1", "LABEL_2")])
def test_a_label_that_is_not_known_is_not_guessed(labels: tuple[str, ...]) -> None:
    with pytest.raises(NotSupported, match=f"words has no label that is known to say toxic; name one of {labels[0]}, "):
        toxicity(WordClassifier(labels=labels))
    assert toxicity(WordClassifier(labels=labels), label=labels[1].lower()).columns == (labels[1],)


def test_a_label_that_is_not_there_is_refused() -> None:
    with pytest.raises(
        NotSupported, match=r"no label 'threat'; name one of insult, toxicity, as in toxicity@words/LABEL"
    ):
        toxicity(WordClassifier(), label="threat")


def test_a_model_has_to_be_named_and_given() -> None:
    with pytest.raises(NotSupported, match="none is named; name one, as in toxicity@unbiased-toxic-roberta, or take"):
        named("toxicity", classifiers=WordClassifier)
    with pytest.raises(NotSupported, match="'toxicity@words' reads texts through a classifier, and no classifiers"):
        named("toxicity@words")
