from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from outcrop.domain.scores import Reliability
from outcrop.engines.scripted import Script
from outcrop.evaluation.judges.judging import bias_checks, judged_criteria, own_models
from outcrop.evaluation.judges.questions import Exchange

from .doubles import HELPFUL, WORDS, YES_NO, better, judge_by_quality, pair_exchanges, rating, session

GOOD_OR_POOR = (
    (r"(?s)\[response \w+\]\ngood", rating(r5=0.6, r6=0.3, r1=0.1)),
    (r"", rating(r1=0.6, r2=0.3, r6=0.1)),
)


def test_a_judge_that_looks_is_reliable_and_says_who_is_better() -> None:
    given = pair_exchanges(120, tuned_good=0.8)
    (found,) = judged_criteria(session(judge_by_quality(0.8), given))
    assert found.reliability is Reliability.RELIABLE
    (comparison,) = found.comparisons
    assert comparison.low is not None
    assert comparison.low > 0
    assert comparison.metric == "Builtin.Helpfulness preference"
    assert (comparison.baseline, comparison.candidate) == ("base", "tuned")
    assert found.scores == ()


def test_a_judge_that_does_not_look_is_unreliable() -> None:
    for first in (0.5, 0.8, 1.0):
        script = Script(patterns=(("", better(first, 1 - first)),))
        (found,) = judged_criteria(session(script, pair_exchanges(150)))
        assert found.reliability is Reliability.UNRELIABLE, first


def test_single_ratings_are_scores_of_each_model() -> None:
    given = pair_exchanges(80, tuned_good=1.0)
    (found,) = judged_criteria(session(Script(patterns=GOOD_OR_POOR), given, pairwise=False, repeats=2))
    base, tuned = (judged.score for judged in found.scores)
    assert found.reliability is Reliability.RELIABLE
    assert tuned.value is not None
    assert base.value is not None
    assert tuned.value > base.value + 0.3
    assert found.comparisons[0].p_holm is not None
    assert found.comparisons[0].p_holm < 1e-6
    assert {agreement.between for agreement in found.agreements} == {"repeats"}


def test_ratings_drawn_from_a_hat_are_unreliable() -> None:
    script = Script(patterns=(("", rating(r1=1, r3=1, r5=1)),))
    (found,) = judged_criteria(session(script, pair_exchanges(100), pairwise=False, repeats=2))
    assert found.reliability is Reliability.UNRELIABLE


def test_asked_once_it_is_not_known() -> None:
    (found,) = judged_criteria(session(Script(patterns=GOOD_OR_POOR), pair_exchanges(30), pairwise=False))
    assert (found.reliability, found.agreements) == (Reliability.UNKNOWN, ())


@pytest.mark.parametrize("pairwise", [False, True])
def test_five_in_a_hundred_that_can_not_be_read_are_counted_and_widen_the_intervals(pairwise: bool) -> None:
    given = pair_exchanges(300, tuned_good=0.8)
    whole, torn = (
        judge_by_quality(0.8, broken=broken) if pairwise else Script(patterns=_broken(broken)) for broken in (0.0, 0.05)
    )
    sure, unsure = (
        judged_criteria(session(script, given, pairwise=pairwise, repeats=2))[0] for script in (whole, torn)
    )
    assert sure.counts.unreadable == 0
    assert 0.03 < unsure.counts.unreadable / unsure.counts.asked < 0.07
    assert unsure.counts.asked == unsure.counts.read + unsure.counts.unreadable == sure.counts.asked
    assert unsure.reliability is Reliability.RELIABLE
    bounds = [(one.comparisons[0].low, one.comparisons[0].high) for one in (sure, unsure)]
    assert _width(bounds[1]) > _width(bounds[0]) + 0.02
    if not pairwise:
        score = unsure.scores[0]
        assert score.worst is not None
        assert score.best is not None
        assert score.score.value is not None
        assert score.worst < score.score.value < score.best
        assert _width((score.score.low, score.score.high)) > _width(
            (sure.scores[0].score.low, sure.scores[0].score.high)
        )


def _broken(share: float) -> tuple[tuple[str, tuple[tuple[float, str], ...]], ...]:
    return tuple(
        (expression, (*((weight * (1 - share), text) for weight, text in answers), (share, "{{{")))
        for expression, answers in GOOD_OR_POOR
    )


def _width(bounds: tuple[float | None, float | None]) -> float:
    low, high = bounds
    assert low is not None
    assert high is not None
    return high - low


def test_what_is_asked_again_is_counted() -> None:
    script = judge_by_quality(0.8, broken=0.3)
    (once,), (again,) = (judged_criteria(session(script, pair_exchanges(100), attempts=n)) for n in (0, 2))
    assert once.counts.asked_again == 0
    assert again.counts.asked_again == once.counts.unreadable
    assert again.counts.unreadable < once.counts.unreadable / 5


def test_a_judge_that_can_never_be_read_leaves_a_report() -> None:
    found, words = judged_criteria(
        session(Script(patterns=(("", "hm"),)), pair_exchanges(10), [HELPFUL, WORDS], pairwise=False, repeats=2)
    )
    assert found.counts.unreadable == found.counts.asked == 40
    assert found.scores[0].score.value is None
    assert (found.scores[0].worst, found.scores[0].best) == (0.0, 1.0)
    assert words.scores[0].score.n_scored == 0
    (pairs,) = judged_criteria(session(Script(patterns=(("", "hm"),)), pair_exchanges(10)))
    assert pairs.comparisons[0].difference is None
    assert pairs.reliability is Reliability.UNKNOWN


def test_what_does_not_apply_is_neither_a_value_nor_unreadable() -> None:
    script = Script(patterns=((r"good", '{"rating": "N/A"}'), (r"", '{"rating": "casual"}')))
    found, *_ = judged_criteria(session(script, pair_exchanges(20, tuned_good=1.0), [WORDS], pairwise=False))
    assert (found.counts.not_applicable, found.counts.unreadable, found.counts.read) == (20, 0, 20)
    assert [score.score.n_scored for score in found.scores] == [20, 0, 20, 0]


def test_what_was_not_asked_is_counted() -> None:
    given: Sequence[Exchange] = [Exchange("p", ("a", None))] * 5 + [Exchange("p", ("a", "b"))] * 5
    (found,) = judged_criteria(session(judge_by_quality(0.5), given))
    assert (found.counts.asked, found.counts.unasked) == (10, 10)
    made = session(judge_by_quality(0.5), given)
    too_long = replace(made, tries=[0] * len(made.tries), said=[replace(one, answer=None) for one in made.said])
    (found,) = judged_criteria(too_long)
    assert (found.counts.too_long, found.counts.unreadable) == (10, 0)


def test_p_values_are_corrected_over_criteria_and_models() -> None:
    given = [replace(one, responses=(*one.responses, one.responses[0])) for one in pair_exchanges(60, tuned_good=0.8)]
    found = judged_criteria(session(judge_by_quality(0.8), given, [HELPFUL, YES_NO]))
    claims = [one for entry in found for one in entry.comparisons]
    assert len(claims) == 4
    smallest = min(claims, key=lambda one: one.p_value or 1.0)
    assert smallest.p_holm == pytest.approx(min(1.0, 4 * (smallest.p_value or 0)))


def test_clusters_are_drawn_whole() -> None:
    given = pair_exchanges(60)
    clusters = [str(place // 6) for place in range(60)]
    (found,) = judged_criteria(session(judge_by_quality(0.8), given, clusters=clusters))
    assert "10 clusters" in found.agreements[0].method
    assert "10 clusters" in found.comparisons[0].method
    assert bias_checks(session(judge_by_quality(0.8), given, clusters=clusters))[0].n == 10


def test_a_rating_of_one_model_alone_is_checked_for_length_too() -> None:
    given = [Exchange(f"{n}", (f"{'good' if n % 2 else 'poor'} {'word ' * n}",)) for n in range(60)]
    (check,) = bias_checks(session(Script(patterns=GOOD_OR_POOR), given, pairwise=False))
    assert (check.kind, check.subject, check.n) == ("length", "base, Helpfulness", 60)


def test_models_with_the_judges_weights_are_named() -> None:
    assert own_models("a", [("base", "a", None), ("tuned", "b", "a"), ("other", "c", "d")]) == ("base", "tuned")
