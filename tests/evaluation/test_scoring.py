"""Scores, comparisons and moves against numbers worked by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from outcrop.domain.records import EvaluationRecord
from outcrop.domain.scores import Direction
from outcrop.evaluation import scoring
from outcrop.evaluation.scoring import FEWEST, SHOWN, Scored, score_items
from outcrop.metrics import named
from outcrop.metrics.exact_match import exact_match
from outcrop.metrics.length_ratio import length_ratio
from outcrop.metrics.protocol import Pair, Rows, TextMetric
from outcrop.metrics.record_mean import RecordMean


def _first(rows: Rows) -> NDArray[np.float64]:
    return rows[:, 0]


#: How many letters too many or too few a response has: less is better.
DISTANCE = RecordMean(
    name="distance",
    signature="distance|v1",
    columns=("letters",),
    count=lambda response, reference: (float(abs(len(response) - len(reference))),),
    value=_first,
    unit="letters",
    direction=Direction.LOWER,
)


def records(references: Sequence[str | None], categories: Sequence[str | None] = ()) -> list[EvaluationRecord]:
    named_ = list(categories) or [None] * len(references)
    return [
        EvaluationRecord(place + 1, f"prompt {place}", reference, category)
        for place, (reference, category) in enumerate(zip(references, named_, strict=True))
    ]


def paired(responses: Sequence[str | None], references: Sequence[str | None]) -> list[Pair]:
    return [
        Pair(response, () if reference is None else (reference,))
        for response, reference in zip(responses, references, strict=True)
    ]


def scored(
    model: str, responses: Sequence[str | None], references: Sequence[str | None], *metrics: TextMetric
) -> Scored:
    return score_items(model, paired(responses, references), responses, metrics, lambda _: None)


ROCKS = ["gneiss", "slate", "chalk", "shale"]


def test_a_score_has_all_that_belongs_to_a_number() -> None:
    one = scored("m", ["gneiss", "slate", "marl", "tuff"], ROCKS, exact_match())
    (score,) = scoring.scores(one, [exact_match()], seed=0)
    assert (score.model, score.metric, score.value) == ("m", "exact_match", 0.5)
    assert (score.n_scored, score.n_given) == (4, 4)
    assert (score.direction, score.unit, score.method) == (Direction.HIGHER, "", "Wilson (each value is 0 or 1)")
    assert score.signature == exact_match().signature
    # Wilson's bounds of 2 of 4: 1/2 ± √(w (1/4 + w/4)) / (1 + w) with w = 1.95996² / 4 = 0.96036.
    half = math.sqrt(0.96036 * 1.96036 / 4) / 1.96036
    assert (score.low, score.high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-5)


def test_the_unscored_are_counted_and_are_no_zero() -> None:
    one = scored("m", ["gneiss", None, "chalk", "x"], [*ROCKS[:3], None], exact_match())
    (score,) = scoring.scores(one, [exact_match()], seed=0)
    assert (score.value, score.n_scored, score.n_given) == (1.0, 2, 4)


def test_nothing_scored_has_no_value() -> None:
    one = scored("m", [None, None], ROCKS[:2], exact_match(), length_ratio())
    for score in scoring.scores(one, [exact_match(), length_ratio()], seed=0):
        assert (score.value, score.low, score.high, score.n_scored, score.n_given) == (None, None, None, 0, 2)


def test_metrics_stay_in_the_order_asked_for() -> None:
    wanted = [named(name) for name in ("length_ratio", "rougeL", "exact_match", "rouge1")]
    both = [scored(name, ROCKS, ROCKS, *wanted) for name in ("base", "tuned", "other")]
    assert [score.metric for score in scoring.scores(both[0], wanted, seed=0)] == [each.name for each in wanted]
    found = scoring.comparisons(both, wanted, seed=0)
    assert [(each.candidate, each.metric) for each in found] == [
        (candidate, metric.name) for candidate in ("tuned", "other") for metric in wanted
    ]
    assert {each.baseline for each in found} == {"base"}


def test_parts_are_told_and_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    responses = [str(number % 3) for number in range(10)]
    references = [str(number % 2) for number in range(10)]
    whole = scored("m", responses, references, exact_match(), DISTANCE)
    monkeypatch.setattr(scoring, "_PART", 4)
    told: list[int] = []
    parts = score_items("m", paired(responses, references), responses, [exact_match(), DISTANCE], told.append)
    assert told == [4, 8, 10, 14, 18, 20]
    for name, rows in whole.rows.items():
        assert np.array_equal(parts.rows[name], rows)


def test_no_records_make_empty_rows() -> None:
    one = scored("m", [], [], exact_match(), length_ratio())
    assert {name: rows.shape for name, rows in one.rows.items()} == {"exact_match": (0, 1), "length_ratio": (0, 2)}
    assert [score.n_given for score in scoring.scores(one, [exact_match(), length_ratio()], seed=0)] == [0, 0]


def test_a_comparison_is_paired() -> None:
    base = scored("base", ["gneiss", "x", "x", None], ROCKS, exact_match())
    tuned = scored("tuned", ["gneiss", "slate", "x", "shale"], ROCKS, exact_match())
    (found,) = scoring.comparisons([base, tuned], [exact_match()], seed=0)
    # Differences 0, 1, 0; the fourth record has no value for the base and is left out.
    assert found.n == 3
    assert found.difference == pytest.approx(1 / 3)
    # One gained and none lost: a fair coin's one throw, of which half counts, on either side.
    assert found.p_value == 0.5
    assert found.p_holm == found.p_value
    assert (found.group, found.direction) == (None, Direction.HIGHER)


def test_holm_leaves_out_what_claims_nothing() -> None:
    base = scored("base", ["x", "slate", "x", "x y z"], ROCKS, exact_match(), length_ratio())
    tuned = scored("tuned", ["gneiss", "slate", "x", "shale"], ROCKS, exact_match(), length_ratio())
    match, ratio = scoring.comparisons([base, tuned], [exact_match(), length_ratio()], seed=0)
    assert ratio.p_value is not None
    assert ratio.p_holm is None
    # One claim is left, so nothing is multiplied.
    assert match.p_holm == match.p_value


def test_holm_spans_all_candidates() -> None:
    base = scored("base", ["x", "x", "x", "x"], ROCKS, exact_match())
    better = scored("better", ["gneiss", "slate", "x", "shale"], ROCKS, exact_match())
    little = scored("little", ["gneiss", "x", "x", "x"], ROCKS, exact_match())
    first, second = scoring.comparisons([base, better, little], [exact_match()], seed=0)
    assert first.p_value is not None
    assert first.p_holm == pytest.approx(2 * first.p_value)
    assert second.p_holm == second.p_value


def test_a_model_alone_is_compared_with_nothing() -> None:
    alone = scored("alone", ROCKS, ROCKS, exact_match())
    assert scoring.comparisons([alone], [exact_match()], seed=0) == []
    assert scoring.groups([alone], exact_match(), ["a", "a", "b", "b"], seed=0) == []


def test_groups_come_largest_first_and_small_ones_have_no_interval() -> None:
    categories = ["lime", "clay", "clay", None, *["clay"] * 3, "lime", "sand"]
    references = [str(place) for place in range(len(categories))]
    responses = [str(place) if place % 2 else "x" for place in range(len(categories))]
    all_records = records(references, categories)
    base = scored("base", ["x"] * len(categories), references, exact_match())
    tuned = scored("tuned", responses, references, exact_match())
    clay, lime, sand = scoring.groups([base, tuned], exact_match(), [record.category for record in all_records], seed=0)
    # Clay is at 1, 2, 4, 5, 6, of which 1 and 5 got better; lime at 0 and 7, sand at 8.
    assert (clay.group, clay.n) == ("clay", FEWEST)
    assert clay.difference == pytest.approx(2 / 5)
    assert clay.low is not None
    assert clay.p_holm == clay.p_value is not None
    assert (lime.group, lime.n, lime.difference) == ("lime", 2, 0.5)
    assert (sand.group, sand.n, sand.difference) == ("sand", 1, 0.0)
    for small in (lime, sand):
        assert (small.low, small.high, small.p_value, small.p_holm) == (None, None, None, None)


def test_the_records_that_moved_most_come_first() -> None:
    base = scored("base", ["aaaa", "a", "aaa", "aa", None], ["aa"] * 5, DISTANCE)
    tuned = scored("tuned", ["aa", "aaaa", "aa", "aa", "aa"], ["aa"] * 5, DISTANCE)
    # Distances 2, 1, 1, 0, none before and 0, 2, 0, 0, 0 after: less is better.
    found = scoring.moved(base, tuned, DISTANCE, records(["aa"] * 5))
    assert found is not None
    assert (found.n_improved, found.n_worsened, found.n_equal) == (2, 1, 1)
    assert [(record.line, record.difference) for record in found.improved] == [(1, -2.0), (3, -1.0)]
    assert [(record.line, record.difference) for record in found.worsened] == [(2, 1.0)]
    (worst,) = found.worsened
    assert worst.responses == {"base": "a", "tuned": "aaaa"}
    assert worst.values == {"base": 1.0, "tuned": 2.0}


def test_higher_is_better_turns_it_round() -> None:
    higher = replace(DISTANCE, direction=Direction.HIGHER)
    base = scored("base", ["aaaa", "a"], ["aa"] * 2, higher)
    tuned = scored("tuned", ["aa", "aaaa"], ["aa"] * 2, higher)
    found = scoring.moved(base, tuned, higher, records(["aa"] * 2))
    assert found is not None
    assert ([each.line for each in found.improved], [each.line for each in found.worsened]) == ([2], [1])


def test_few_are_shown_and_all_are_counted() -> None:
    count = SHOWN + 3
    base = scored("base", ["a" * (place + 1) for place in range(count)], [""] * count, DISTANCE)
    tuned = scored("tuned", [""] * count, [""] * count, DISTANCE)
    found = scoring.moved(base, tuned, DISTANCE, records([""] * count))
    assert found is not None
    assert found.n_improved == count
    assert [record.line for record in found.improved] == [count - place for place in range(SHOWN)]
    assert found.worsened == ()


def test_what_has_no_better_way_does_not_move() -> None:
    neither = replace(DISTANCE, direction=Direction.NONE)
    one = scored("m", ROCKS, ROCKS, neither, length_ratio())
    assert scoring.moved(one, one, neither, records(ROCKS)) is None
    assert scoring.moved(one, one, length_ratio(), records(ROCKS)) is None
