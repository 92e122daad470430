from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.domain.scores import Direction
from outcrop.metrics.chrf import chrf, chrf_plus_plus
from outcrop.metrics.protocol import Pair

from .translation import PAIRS, check, of_sums, score, settings_of

RISK = (
    "risk assessment must be made of those who are qualified and expertise in the sector - these are the scientists ."
)
RISK_REFERENCE = (
    "risk assessment has to be undertaken by those who are qualified and expert in that area - that is the scientists ."
)


@pytest.mark.parametrize("settings", settings_of("chrf"), ids=str)
def test_values_equal_sacrebleu(settings: dict[str, Any]) -> None:
    check(chrf(**settings), "chrf", settings)


@pytest.mark.parametrize(
    ("responses", "references", "settings", "expected"),
    [
        # From sacrebleu's test_chrf.py.
        (["abcdefg"], ["hijklmnop"], {"eps_smoothing": True}, 0),
        ([""], ["reference"], {"eps_smoothing": True}, 0),
        (["aa"], ["ab"], {"eps_smoothing": True}, 8.3333),
        (["a", "b"], ["a", "c"], {"eps_smoothing": True}, 8.3333),
        (["a"], ["a"], {"eps_smoothing": True}, 16.6667),
        (["a b c"], ["abc"], {"eps_smoothing": True}, 50),
        ([f" {RISK}"], [RISK_REFERENCE], {"eps_smoothing": True}, 63.361730),
        (
            [" Die    Beziehung zwischen  Obama und Netanjahu ist nicht gerade  freundlich. "],
            ["Das Verhältnis zwischen Obama und Netanyahu ist nicht gerade freundschaftlich."],
            {"eps_smoothing": True},
            64.1302698,
        ),
        (["a"], ["a"], {}, 100),
        ([""], ["reference"], {}, 0),
        (["a b c"], ["abc"], {}, 100),
        (["a", "b"], ["a", "c"], {}, 50),
        (["aa"], ["ab"], {}, 25),
        ([RISK], [RISK_REFERENCE], {"whitespace": True}, 65.2414427),
        (
            ["Die Beziehung zwischen Obama und Netanjahu ist nicht gerade freundlich."],
            ["Das Verhältnis zwischen Obama und Netanyahu ist nicht gerade freundschaftlich."],
            {"whitespace": True},
            67.3481606,
        ),
        (
            ["Lapali po dechu, jejich životy skončily dřív, než skutečně začaly."],
            ["Lapali po dechu a pak jejich život skončil - dřív, než skutečně mohl začít, připomněli."],
            {"eps_smoothing": True, "beta": 2},
            57.15704367,
        ),
    ],
)
def test_values_of_sacrebleus_tests(
    responses: list[str], references: list[str], settings: dict[str, Any], expected: float
) -> None:
    assert score(chrf(**{"beta": 3, **settings}), responses, [references]) == pytest.approx(expected, abs=1e-4)


def test_a_case_by_hand() -> None:
    # "abc" against "abd": of a, b, c two are in common, of ab, bc one, of abc none; the other orders have no n-grams.
    # Mean precision and mean recall are (2/3 + 1/2 + 0) / 3, and so is F.
    metric = chrf()
    rows = metric.prepare([Pair("a bc", ("ab d",))])
    assert rows[0, :9].tolist() == [3, 3, 2, 2, 2, 1, 1, 1, 0]
    assert metric.score(rows) == pytest.approx(100 * (2 / 3 + 1 / 2) / 3, rel=1e-12)


def test_recall_counts_more() -> None:
    short, long = score(chrf(), ["ab"], [["abcd"]]), score(chrf(), ["abcd"], [["ab"]])
    assert short < long


def test_plus_plus_counts_words() -> None:
    assert chrf_plus_plus().columns[-6:] == tuple(
        f"{side}_word{n}" for n in (1, 2) for side in ("n_response", "n_reference", "hits")
    )
    rows = chrf_plus_plus().prepare([Pair("(hi) there, you", ("hi there you",))])
    # One mark is split off each word: "(hi" ")" "there" "," "you".
    assert rows[0, -6:].tolist() == [5, 3, 2, 4, 2, 0]


def test_many_rows_of_sums_at_once() -> None:
    rows = chrf().prepare(PAIRS)
    for eps_smoothing in (False, True):
        metric = chrf(eps_smoothing=eps_smoothing)
        assert of_sums(metric, rows).tolist() == [of_sums(metric, one[None])[0] for one in rows]


def test_what_cannot_be_scored_and_what_is_empty() -> None:
    metric = chrf()
    rows = metric.prepare([Pair(None, ("a",)), Pair("a", ()), Pair("", ("ab",)), Pair("ab", ("ab",)), Pair("", ("",))])
    assert np.isnan(rows).all(axis=1).tolist() == [True, True, False, False, False]
    assert metric.score(rows[2:3]) == metric.score(rows[4:]) == 0
    # Precision 1, recall 1/2: F2 is 5 · 1/2 / (4 + 1/2).
    assert metric.score(rows) == pytest.approx(100 * 2.5 / 4.5)
    assert math.isnan(metric.score(rows[:2]))
    assert math.isnan(of_sums(metric, rows)[0])


def test_says_what_it_is() -> None:
    metric = chrf()
    assert (metric.name, metric.unit, metric.direction) == ("chrf", "points", Direction.HIGHER)
    assert metric.signature == "chrf|nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no|beta:2|v1"
    assert chrf_plus_plus().name == "chrf++"
    other = chrf(word_order=1, beta=1.5, lowercase=True, whitespace=True, eps_smoothing=True)
    assert other.signature == "chrf|nrefs:var|case:lc|eff:no|nc:6|nw:1|space:yes|beta:1.5|v1"


def test_every_wrong_choice_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        chrf(word_order=-1, beta=0)
    assert "chrf: word_order: found -1; expected 0 or more" in str(caught.value)
    assert "chrf: beta: found 0; expected more than 0" in str(caught.value)
