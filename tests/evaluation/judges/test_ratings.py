from __future__ import annotations

from collections.abc import Sequence

import pytest

from outcrop.domain.scores import Direction, JudgedScore
from outcrop.evaluation.judges.ratings import RatedBy, rated_by

from .doubles import HELPFUL, WORDS, YES_NO

Answers = Sequence[Sequence[tuple[str | None, ...]]]


def of(criterion: object, answers: Answers) -> list[RatedBy]:
    models = ["base", "tuned"][: len(answers)]
    return rated_by(criterion, "signature", models, answers, clusters=None, seed=0)  # type: ignore[arg-type]


def only(criterion: object, answers: Answers) -> JudgedScore:
    ((score,),) = [one.scores() for one in of(criterion, answers)]
    return score


def test_repeats_of_a_record_are_averaged_first() -> None:
    found = only(HELPFUL, [[("6", "0"), ("3",), ("6", "6", "6")]]).score
    assert found.value == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert (found.n_scored, found.n_given, found.unit, found.direction) == (3, 3, "", Direction.HIGHER)


def test_a_record_without_a_ruling_is_counted_and_no_zero() -> None:
    found = only(HELPFUL, [[("6",), (), (None,)]]).score
    assert (found.value, found.n_scored, found.n_given) == (1.0, 1, 3)


def test_unreadable_rulings_bound_the_value_both_ways() -> None:
    found = only(HELPFUL, [[("3",)] * 8 + [(None,)] * 2])
    assert found.score.value == 0.5
    assert found.worst == pytest.approx(0.4)
    assert found.best == pytest.approx(0.6)


def test_unreadable_rulings_widen_the_interval() -> None:
    plain = only(YES_NO, [[("Yes",)] * 20 + [("No",)] * 80]).score
    torn = only(YES_NO, [[("Yes",)] * 20 + [("No",)] * 80 + [(None,)] * 6])
    assert torn.score.value == plain.value
    assert torn.score.low is not None
    assert torn.score.high is not None
    assert plain.low is not None
    assert plain.high is not None
    assert torn.score.low < plain.low
    assert torn.score.high > plain.high
    assert "widened: 6 unreadable rulings" in torn.score.method
    # Lower is better here, so the worst is more of it.
    assert torn.worst == pytest.approx(26 / 106)
    assert torn.best == pytest.approx(20 / 106)


def test_comparisons_come_from_the_same_rows() -> None:
    (one,) = of(HELPFUL, [[("2",)] * 30, [("3",)] * 15 + [("4",)] * 15])
    (found,) = one.comparisons()
    assert found.difference == pytest.approx(0.25)
    assert found.low is not None
    assert found.low > 0
    assert found.p_holm is None or found.p_holm == found.p_value


def test_unreadable_rulings_can_take_a_comparison_back() -> None:
    clear: Answers = [[("No",)] * 60, [("Yes",)] * 12 + [("No",)] * 48]
    torn: Answers = [[(None,)] * 12 + [("No",)] * 48, clear[1]]
    (sure,), (unsure,) = (of(YES_NO, answers)[0].comparisons() for answers in (clear, torn))
    assert sure.p_value is not None
    assert sure.p_value < 0.01
    assert unsure.low is not None
    assert unsure.low <= 0
    assert "widened" in unsure.method


def test_words_give_a_share_for_each_word() -> None:
    found = of(WORDS, [[("formal",), ("casual",), ("formal", "casual"), (None,)]])
    assert [one.metric.name for one in found] == ["Register: formal", "Register: casual"]
    shares = [one.scores()[0] for one in found]
    assert [share.score.value for share in shares] == pytest.approx([0.5, 0.5])
    assert {share.score.direction for share in shares} == {Direction.NONE}
    assert shares[0].worst == pytest.approx(0.375)
    assert shares[0].best == pytest.approx(0.625)


def test_groups_are_those_of_any_metric() -> None:
    (one,) = of(HELPFUL, [[("2",)] * 12, [("2",)] * 6 + [("6",)] * 6])
    found = {group.group: group.difference for group in one.groups(["a"] * 6 + ["b"] * 6)}
    assert found == {"a": 0.0, "b": pytest.approx(4 / 6)}
