from __future__ import annotations

import math

import numpy as np
import pytest

from outcrop.domain.errors import NotSupported
from outcrop.metrics import named
from outcrop.metrics.statistics.compare import interval
from outcrop.metrics.variation import Samples, all_agree, pairwise, values_of, variation


def test_prompts_agree_where_all_responses_are_the_same() -> None:
    metric = all_agree()
    items = [Samples(("a", " a\n", "a")), Samples(("a", "b", "a")), Samples(("A", "a")), Samples(("a", None, "a"))]
    rows = metric.prepare(items)
    assert metric.per_record(rows).tolist() == [1, 0, 0, 1]
    assert metric.score(rows) == 0.5
    assert "Wilson" in interval(metric, rows, seed=0).method


def test_one_response_says_nothing_of_variation() -> None:
    items = [Samples(("a",)), Samples(("a", None)), Samples(())]
    for metric in (all_agree(), pairwise(named("token_f1"))):
        assert all(math.isnan(value) for value in metric.per_record(metric.prepare(items)))
        assert metric.prepare([]).shape == (0, 1)


def test_pairwise_is_the_mean_over_both_directions_of_all_pairs() -> None:
    metric = pairwise(named("recall_over_words"))
    # One word of two and two of two, in turn; the third shares none with either.
    rows = metric.prepare([Samples(("one", "one two", "three")), Samples(("same", "same"))])
    assert metric.per_record(rows) == pytest.approx([(1 + 1 / 2) / 6, 1])
    assert metric.score(rows) == pytest.approx(5 / 8)
    assert metric.name == "pairwise_recall_over_words"


def test_components_are_those_worked_by_hand() -> None:
    # Means 2, 5 and 8, each with the variance 1 (or 4 for the last): mean squares 27 between and 2 within.
    found = variation(np.array([[1, 2, 3], [4, 5, 6], [6, 8, 10]], dtype=float))
    assert (found.within, found.between) == pytest.approx((2, 25 / 3))
    assert found.share_within == pytest.approx(2 / (2 + 25 / 3))
    assert (found.n_prompts, found.n_values) == (3, 9)


def test_components_of_unlike_numbers_of_responses() -> None:
    # Prompts 1, 3 | 4 | 6, 6, 9: within (2 + 0 + 6) / 3; n0 = (6 - 14 / 6) / 2; between prompts, around 29 / 6:
    # 2 (2 - 29/6)² + (4 - 29/6)² + 3 (7 - 29/6)² by 2.
    nan = math.nan
    found = variation(np.array([[1, 3, nan], [4, nan, nan], [6, 6, 9], [nan, nan, nan]]))
    around = (2 * (2 - 29 / 6) ** 2 + (4 - 29 / 6) ** 2 + 3 * (7 - 29 / 6) ** 2) / 2
    assert found.within == pytest.approx(8 / 3)
    assert found.between == pytest.approx((around - 8 / 3) / (11 / 6))
    assert (found.n_prompts, found.n_values) == (3, 6)


def test_components_come_back_from_drawn_values() -> None:
    generator = np.random.default_rng(3)
    values = generator.normal(0, 2, (4000, 1)) + generator.normal(0, 1, (4000, 4))
    found = variation(values)
    assert (found.within, found.between) == pytest.approx((1, 4), rel=0.06)


def test_a_prompt_more_alike_than_chance_has_no_variance_between() -> None:
    found = variation(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert found.between is not None
    assert found.between < 0
    assert found.share_within == 1


@pytest.mark.parametrize(
    ("values", "known"),
    [([[1.0], [2.0]], (None, None, None)), ([[1.0, 3.0]], (2, None, None)), ([[2.0, 2.0], [2.0, 2.0]], (0, 0, None))],
)
def test_what_cannot_be_told_is_none(values: list[list[float]], known: tuple[float | None, ...]) -> None:
    found = variation(np.array(values))
    assert (found.within, found.between, found.share_within) == known


def test_nothing_has_no_variation() -> None:
    assert variation(np.empty((0, 3))).n_prompts == 0
    assert variation(np.full((2, 2), np.nan)).within is None


def test_values_of_responses_stand_by_prompt() -> None:
    items = [Samples(("Paris", "Lyon")), Samples(("Rome", None, "Rome"))]
    table = values_of(named("exact_match"), items, [("Paris",), ("Rome",)])
    assert np.array_equal(table, [[1, 0, math.nan], [1, math.nan, 1]], equal_nan=True)
    assert values_of(named("exact_match"), [], []).shape == (0, 0)
    with pytest.raises(NotSupported, match="variation needs a value for each record"):
        values_of(named("bleu"), items, [("Paris",), ("Rome",)])
