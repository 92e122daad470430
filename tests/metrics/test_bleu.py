from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.domain.scores import Direction
from outcrop.metrics.bleu import bleu
from outcrop.metrics.protocol import Pair

from .doubles import rows_of
from .translation import PAIRS, check, of_sums, score, settings_of

HYPS = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
REFS = [
    ["The dog bit the man.", "It was not unexpected.", "The man bit him first."],
    ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."],
]
SYS = "Producția de zahăr primă va fi exprimată în ceea ce privește zahărul alb;"
REF = "producţia de zahăr brut se exprimă în zahăr alb;"


@pytest.mark.parametrize("settings", settings_of("bleu"), ids=str)
def test_values_equal_sacrebleu(settings: dict[str, Any]) -> None:
    check(bleu(**settings), "bleu", settings)


@pytest.mark.parametrize(
    ("settings", "responses", "expected"),
    [
        # From sacrebleu's test_bleu.py.
        ({}, HYPS, 48.530827),
        ({"tokenize": "none"}, HYPS, 49.1919566),
        ({"tokenize": "13a"}, HYPS, 48.530827),
        ({"tokenize": "intl"}, HYPS, 43.91623493),
        ({"smooth": "none"}, HYPS, 48.530827),
        ({}, ["", "", ""], 0),
    ],
)
def test_corpus_values_of_sacrebleus_tests(settings: dict[str, Any], responses: list[str], expected: float) -> None:
    assert score(bleu(**settings), responses, REFS) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("smooth", "smooth_value", "lowercase", "tokenize", "expected"),
    [
        # From sacrebleu's test_sentence_bleu.py.
        ("exp", None, False, "13a", 8.493),
        ("none", None, False, "13a", 0),
        ("floor", None, False, "13a", 4.51688),
        ("floor", 0.1, False, "13a", 4.51688),
        ("floor", 0.5, False, "13a", 10.10),
        ("add-k", None, False, "13a", 14.882),
        ("add-k", 1, False, "13a", 14.882),
        ("add-k", 2, False, "13a", 21.389),
        ("exp", None, False, "none", 7.347),
        ("exp", None, False, "intl", 8.493),
        ("exp", None, False, "char", 40.8759),
        ("exp", None, True, "char", 42.0267),
    ],
)
def test_sentence_values_of_sacrebleus_tests(
    smooth: Any, smooth_value: float | None, lowercase: bool, tokenize: Any, expected: float
) -> None:
    metric = bleu(
        smooth=smooth, smooth_value=smooth_value, lowercase=lowercase, tokenize=tokenize, effective_order=True
    )
    assert score(metric, [SYS], [[REF]]) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("smooth", ["exp", "none", "floor", "add-k"])
def test_no_hit_is_zero_whatever_the_smoothing(smooth: Any) -> None:
    assert score(bleu(smooth=smooth, effective_order=True), ["this is a cat"], [["okay thanks"]]) == 0


@pytest.mark.parametrize(
    ("n_response", "n_reference", "hits", "totals", "smooth_value", "expected"),
    [
        # From sacrebleu's test_bleu.py, all with floor smoothing; the first has no order without a hit.
        (11, 11, [9, 7, 5, 3], [10, 8, 6, 4], 0.0, 83.75922397),
        (0, 1, [0, 0, 0, 0], [4, 4, 2, 1], 0.0, 0),
        (14, 10, [0, 0, 0, 0], [10, 11, 12, 0], 0.0, 0),
        (0, 0, [0, 0, 0, 0], [0, 0, 0, 0], 0.0, 0),
        (6, 6, [6, 5, 4, 0], [6, 5, 4, 3], 0.0, 0),
        (0, 0, [0, 0, 0, 0], [0, 0, 0, 0], 0.1, 0),
        (1, 5, [0, 0, 0, 0], [0, 0, 0, 0], 0.01, 0),
    ],
)
def test_sums_of_sacrebleus_tests(
    n_response: int, n_reference: int, hits: list[int], totals: list[int], smooth_value: float, expected: float
) -> None:
    sums = np.array([[n_response, n_reference, *hits, *totals]], dtype=np.float64)
    assert of_sums(bleu(smooth="floor", smooth_value=smooth_value), sums) == pytest.approx([expected], abs=1e-7)


@pytest.mark.parametrize(
    ("response", "reference", "expected"),
    [("test", "a test", 36.78794411714425), ("a test", "a test", 100), ("a little test", "a test", 3.218297948685433)],
)
def test_effective_order_of_sacrebleus_tests(response: str, reference: str, expected: float) -> None:
    metric = bleu(smooth="floor", smooth_value=0.01, effective_order=True, tokenize="none")
    assert score(metric, [response], [[reference]]) == pytest.approx(expected, abs=1e-6)


def test_rows_hold_the_counts() -> None:
    # From sacrebleu's test_bleu.py: hits 4, 2, 1, 0 of 6, 5, 4, 3.
    rows = rows_of(bleu(), ("am I am a character sequence", "I am a symbol string sequence a a"))
    assert rows.tolist() == [[6, 8, 4, 2, 1, 0, 6, 5, 4, 3]]


def test_papinenis_example_of_clipped_counts() -> None:
    # Papineni et al., section 2.1: of seven times "the", two are hits; of the two references the shorter is as near.
    pair = Pair("the the the the the the the", ("the cat is on the mat", "there is a cat on the mat today"))
    assert bleu(tokenize="none").prepare([pair])[0, :3].tolist() == [7, 6, 2]


def test_a_score_of_many_is_not_the_mean_of_each() -> None:
    metric = bleu(effective_order=True)
    rows = metric.prepare(PAIRS)
    assert abs(metric.score(rows) - of_sums(metric, rows).mean()) > 5


def test_all_smoothings_take_many_rows_of_sums_at_once() -> None:
    rows = bleu().prepare(PAIRS)
    sums = np.stack([rows[:place].sum(axis=0) for place in range(1, len(rows))])
    for settings in settings_of("bleu"):
        metric = bleu(**settings)
        assert of_sums(metric, sums).tolist() == [of_sums(metric, one[None])[0] for one in sums]


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 10), max_size=6))
def test_scores_stay_in_range(drawn: list[tuple[int, ...]]) -> None:
    sums = np.array(drawn, dtype=np.float64).reshape(-1, 10)
    sums[:, 6:] += sums[:, 2:6]
    scores = of_sums(bleu(), sums)
    assert ((scores >= 0) & (scores <= 100 + 1e-9)).all()


def test_what_cannot_be_scored_and_what_is_empty() -> None:
    metric = bleu()
    rows = metric.prepare([Pair(None, ("a",)), Pair("a", ()), Pair("", ("a b",)), Pair("a b c d", ("a b c d",))])
    assert np.isnan(rows).all(axis=1).tolist() == [True, True, False, False]
    # The empty response is not dropped: its reference counts for the brevity penalty, exp(1 - 6 / 4).
    assert metric.score(rows) == pytest.approx(100 * math.exp(-0.5))
    assert math.isnan(metric.score(rows[:2]))
    assert math.isnan(of_sums(metric, rows)[0])
    assert metric.prepare([]).shape == (0, 10)


def test_says_what_it_is() -> None:
    metric = bleu()
    assert (metric.name, metric.unit, metric.direction) == ("bleu", "points", Direction.HIGHER)
    start, _, end = metric.signature.partition("|sacrebleu:")
    assert start == "bleu|nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp"
    assert end.endswith("|v1")
    other = bleu(tokenize="zh", lowercase=True, smooth="floor", effective_order=True).signature
    assert other.startswith("bleu|nrefs:var|case:lc|eff:yes|tok:zh|smooth:floor[0.1]|")


def test_every_wrong_choice_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        bleu(tokenize="spm", smooth="chen", smooth_value=-1)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "bleu: tokenize: found 'spm'; expected one of 13a, intl, zh, char, none" in message
    assert "bleu: smooth: found 'chen'; expected one of exp, floor, add-k, none" in message
    assert "bleu: smooth_value: found -1; expected 0 or more" in message
