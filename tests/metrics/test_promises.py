"""What every metric promises, on drawn records."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.metrics import named, names
from outcrop.metrics.bleu import bleu
from outcrop.metrics.protocol import Pair, TextMetric
from outcrop.metrics.rouge import rouge_lsum, rouge_n
from outcrop.metrics.rows import has_value

from .doubles import WordClassifier, WordEncoder, same

WITH_CLASSIFIER = {"toxicity"}

METRICS: list[TextMetric] = [
    *(named(f"{name}@words" if name in WITH_CLASSIFIER else name, WordEncoder, WordClassifier) for name in names()),
    rouge_n(3, stem=False),
    rouge_lsum(split="sentences", references="average"),
]

# For each of six promises and of all metrics: together some seconds.
EXAMPLES = 20

words = st.sampled_from(["the", "cat", "sat\n", "on", "mats"])
texts = st.none() | st.text(max_size=12) | st.lists(words).map(" ".join)
references = st.lists(st.text(max_size=12) | st.lists(words).map(" ".join), max_size=2).map(tuple)
datasets = st.lists(st.builds(Pair, texts, references), max_size=8)
#: Smoothing adds to counts, so BLEU changes with their number; without smoothing it does not.
PROPORTIONAL = [metric for metric in METRICS if metric.name != "bleu"] + [bleu(smooth="none")]
#: These read responses alone.
WITHOUT_REFERENCES = {"profanity_proxy", "toxicity@words"}
#: Undefined where the records that have a value hold no word or character to divide by.
RATIOS = {"wer", "cer"}
every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


@every_metric
@settings(max_examples=EXAMPLES)
@given(pairs=datasets, cut=st.integers(0, 8))
def test_preparing_in_parts_is_preparing_whole(metric: TextMetric, pairs: list[Pair], cut: int) -> None:
    parts = np.concatenate([metric.prepare(pairs[:cut]), metric.prepare(pairs[cut:])])
    assert same(parts, metric.prepare(pairs))


@every_metric
@settings(max_examples=EXAMPLES)
@given(pairs=datasets, seed=st.integers(0, 99))
def test_order_does_not_matter(metric: TextMetric, pairs: list[Pair], seed: int) -> None:
    shuffled = random.Random(seed).sample(pairs, len(pairs))
    assert equal(metric.score(metric.prepare(shuffled)), metric.score(metric.prepare(pairs)))


@pytest.mark.parametrize("metric", PROPORTIONAL, ids=lambda metric: metric.name)
@settings(max_examples=EXAMPLES)
@given(pairs=datasets)
def test_every_record_twice_changes_nothing(metric: TextMetric, pairs: list[Pair]) -> None:
    once, twice = metric.score(metric.prepare(pairs)), metric.score(metric.prepare(pairs + pairs))
    assert equal(once, twice) or once == pytest.approx(twice, rel=1e-14)


@every_metric
@settings(max_examples=EXAMPLES)
@given(pairs=datasets)
def test_records_without_a_value_are_left_out(metric: TextMetric, pairs: list[Pair]) -> None:
    rows = metric.prepare(pairs)
    without = ~has_value(rows)
    assert np.array_equal(without, np.isnan(rows).all(axis=1))
    alone = metric.name in WITHOUT_REFERENCES
    assert all(
        without[place] for place, pair in enumerate(pairs) if pair.response is None or not (alone or pair.references)
    )
    assert equal(metric.score(rows), metric.score(rows[~without]))
    divisible = metric.name not in RATIOS or rows[~without][:, 1].any()
    assert math.isnan(metric.score(rows)) == (without.all() or not divisible)


@every_metric
@settings(max_examples=EXAMPLES)
@given(pairs=datasets)
def test_the_score_is_the_mean_of_the_records_where_there_are_values(metric: TextMetric, pairs: list[Pair]) -> None:
    rows = metric.prepare(pairs)
    values = metric.per_record(rows)
    if values is not None:
        assert values.shape == (len(pairs),)
        assert np.array_equal(np.isnan(values), np.isnan(rows).any(axis=1))
        left = values[~np.isnan(values)]
        assert ((left >= 0) & (left <= 1)).all()
        assert len(left) == 0 or metric.score(rows) == pytest.approx(left.mean(), rel=1e-12)


@every_metric
@settings(max_examples=EXAMPLES)
@given(pairs=datasets, cut=st.integers(0, 8))
def test_scores_of_sums_are_scores(metric: TextMetric, pairs: list[Pair], cut: int) -> None:
    rows = metric.prepare(pairs)
    parts = [part[has_value(part)] for part in (rows, rows[:cut], rows[cut:])]
    found = metric.of_sums(np.stack([part.sum(axis=0) for part in parts]))
    if found is not None:
        assert (metric.per_record(rows), found.shape) == (None, (3,))
        assert all(equal(score, metric.score(part)) for score, part in zip(found, parts, strict=True) if len(part))


def equal(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))
