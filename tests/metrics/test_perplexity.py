from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.scores import Direction
from outcrop.metrics.perplexity import (
    Perplexity,
    ScoredText,
    bits_per_byte,
    log_perplexity,
    token_perplexity,
    word_perplexity,
)
from outcrop.metrics.statistics.compare import interval

METRICS = [token_perplexity("abc", 8, 4), word_perplexity(8, 4), bits_per_byte(8, 4), log_perplexity("abc", 8, 4)]
every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)

texts = st.builds(ScoredText, st.text(max_size=20), st.floats(-300, -1e-3), st.integers(0, 9))


def scored(metric: Perplexity, *items: ScoredText) -> float:
    return metric.score(metric.prepare(items))


def test_values_are_worked_by_hand() -> None:
    # 4 tokens at 1/2 and 2 at 1/8: 10 bits. 3 words; " é\n" has 2 bytes for the letter: 5 + 6 = 11 bytes.
    items = [ScoredText("ab cd", 4 * math.log(1 / 2), 4), ScoredText("  xy é", 2 * math.log(1 / 8), 2)]
    assert scored(METRICS[0], *items) == pytest.approx(2 ** (10 / 6), rel=1e-12)
    assert scored(METRICS[1], *items) == pytest.approx(2 ** (10 / 4), rel=1e-12)
    assert scored(METRICS[2], *items) == pytest.approx(10 / (5 + 7), rel=1e-12)
    assert scored(METRICS[3], *items) == pytest.approx(10 / 6 * math.log(2), rel=1e-12)


def test_long_texts_count_for_more() -> None:
    # A mean of the texts' own perplexities, 2 and 8, would be 5.
    items = [ScoredText("a", 1 * math.log(1 / 2), 1), ScoredText("b", 3 * math.log(1 / 8), 3)]
    assert scored(METRICS[0], *items) == pytest.approx(2 ** (10 / 4), rel=1e-12)


def test_white_space_makes_no_words() -> None:
    plain, spaced = ScoredText("two words", -3.0, 3), ScoredText(" two\n\n words\t", -3.0, 3)
    assert METRICS[1].prepare([plain])[0, 2] == METRICS[1].prepare([spaced])[0, 2] == 2


@every_metric
def test_a_text_without_a_score_is_left_out(metric: Perplexity) -> None:
    nothing, something = ScoredText("x", 0.0, 0), ScoredText("stone", -3.0, 2)
    rows = metric.prepare([nothing, something])
    assert np.isnan(rows[0]).all()
    assert metric.score(rows) == scored(metric, something)
    assert math.isnan(scored(metric, nothing))
    assert math.isnan(scored(metric))


def test_texts_without_words_have_no_value_per_word() -> None:
    space = ScoredText(" \n", -3.0, 2)
    assert math.isnan(scored(METRICS[1], space))
    assert scored(METRICS[1], space, ScoredText("a", -1.0, 1)) == pytest.approx(math.exp(4))
    assert scored(METRICS[2], space) == pytest.approx(3 / 2 / math.log(2))


def test_what_no_number_holds_is_infinite() -> None:
    assert scored(METRICS[1], ScoredText("word", -1000.0, 1)) == math.inf


@every_metric
@given(items=st.lists(texts, max_size=8), cut=st.integers(0, 8), seed=st.integers(0, 99))
def test_the_promises_of_a_metric(metric: Perplexity, items: list[ScoredText], cut: int, seed: int) -> None:
    rows = metric.prepare(items)
    parts = np.concatenate([metric.prepare(items[:cut]), metric.prepare(items[cut:])])
    assert np.array_equal(rows, parts, equal_nan=True)
    shuffled = np.random.default_rng(seed).permutation(rows)
    assert np.array_equal(metric.score(shuffled), metric.score(rows), equal_nan=True)
    left = rows[~np.isnan(rows).any(axis=1)]
    if len(left):
        assert metric.of_sums(left.sum(axis=0, keepdims=True)) == pytest.approx(
            metric.score(rows), rel=1e-9, nan_ok=True
        )


@every_metric
def test_it_has_an_interval(metric: Perplexity) -> None:
    lot = np.random.default_rng(0)
    rows = metric.prepare([ScoredText("some words here", float(-lot.integers(5, 15)), 6) for _ in range(50)])
    made = interval(metric, rows, seed=0)
    assert made.low is not None
    assert made.high is not None
    assert made.low < metric.score(rows) < made.high


def test_signatures_hold_what_makes_values_incomparable() -> None:
    signatures = {metric.signature for metric in METRICS}
    signatures |= {metric.signature for metric in (word_perplexity(8, 2), word_perplexity(9, 4), bits_per_byte(8, 2))}
    signatures |= {token_perplexity("abd", 8, 4).signature, token_perplexity("abc", 8, 3).signature}
    signatures |= {log_perplexity("abd", 8, 4).signature}
    assert len(signatures) == 10
    assert METRICS[0].signature == "perplexity:token|tokenizer:abc|window:8|stride:4|v1"
    assert {metric.direction for metric in METRICS} == {Direction.LOWER}
