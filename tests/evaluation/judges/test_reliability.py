from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from outcrop.domain.scores import Agreement, Reliability
from outcrop.evaluation.judges.criteria import built_in
from outcrop.evaluation.judges.preferences import BASELINE, CANDIDATE, Preferred
from outcrop.evaluation.judges.reliability import Told, between_orders, between_repeats, reliability, with_people

from .doubles import HELPFUL, WORDS, YES_NO


def orders(pairs: Sequence[tuple[str | None, str | None]]) -> Agreement:
    return between_orders([(Preferred((one,), (other,)), place) for place, (one, other) in enumerate(pairs)], seed=0)


def repeats(*answers: tuple[str, ...]) -> list[Told]:
    return [Told(one, place) for place, one in enumerate(answers)]


def test_a_judge_that_takes_the_first_place_agrees_by_chance() -> None:
    found = orders([(BASELINE, CANDIDATE)] * 50)
    assert (found.value, found.same) == (0.0, 0.0)
    assert reliability([found], pairwise=True) is Reliability.UNRELIABLE


def test_a_judge_that_throws_a_coin_agrees_by_chance() -> None:
    lot = random.Random(3)
    found = orders([(lot.choice([BASELINE, CANDIDATE]), lot.choice([BASELINE, CANDIDATE])) for _ in range(200)])
    assert reliability([found], pairwise=True) is Reliability.UNRELIABLE


def test_one_model_being_better_everywhere_is_no_chance() -> None:
    """Cohen's kappa of the plain table is undefined here, and with one slip it is 0."""
    assert orders([(CANDIDATE, CANDIDATE)] * 50).value == 1
    found = orders([(CANDIDATE, CANDIDATE)] * 49 + [(BASELINE, CANDIDATE)])
    assert found.value == pytest.approx(0.96, abs=0.001)
    assert reliability([found], pairwise=True) is Reliability.RELIABLE


def test_nothing_but_ties_tells_nothing() -> None:
    found = orders([("tie", "tie")] * 30)
    assert found.value is None
    assert "every ruling is the same" in found.method
    assert reliability([found], pairwise=True) is Reliability.UNKNOWN


def test_what_was_read_in_one_order_alone_is_no_pair() -> None:
    assert orders([(CANDIDATE, None), (None, None), (BASELINE, BASELINE)]).n == 1
    assert orders([(CANDIDATE, None)]).value is None


def test_repeats_of_a_scale_are_an_order() -> None:
    near = between_repeats(HELPFUL, repeats(*[("1", "2"), ("5", "6"), ("3", "4"), ("0", "1")] * 10), seed=0)
    far = between_repeats(HELPFUL, repeats(*[("1", "6"), ("5", "0"), ("3", "6"), ("0", "4")] * 10), seed=0)
    assert near.coefficient == "Krippendorff's alpha, ordinal"
    assert near.value is not None
    assert far.value is not None
    assert near.value > 0.8
    assert far.value < 0
    assert reliability([near], pairwise=False) is Reliability.RELIABLE
    assert reliability([far], pairwise=False) is Reliability.UNRELIABLE


@pytest.mark.parametrize(("criterion", "answers"), [(YES_NO, ("Yes", "No")), (WORDS, ("formal", "casual"))])
def test_two_answers_are_names(criterion: object, answers: tuple[str, str]) -> None:
    one, other = answers
    told = repeats(*[(one, one), (other, other), (one, other)] * 20)
    found = between_repeats(criterion, told, seed=0)  # type: ignore[arg-type]
    assert found.coefficient == "Krippendorff's alpha, nominal"
    assert found.same == pytest.approx(2 / 3)


def test_one_answer_each_measures_nothing() -> None:
    found = between_repeats(HELPFUL, repeats(("1",), ("2",)), seed=0)
    assert (found.value, found.n) == (None, 0)
    assert reliability([found], pairwise=False) is Reliability.UNKNOWN
    assert reliability([], pairwise=False) is Reliability.UNKNOWN


def test_agreement_with_people_weighs_how_far_ratings_lie_apart() -> None:
    near = [(Told((str(right + 1),), right), str(right)) for right in range(6)] * 8
    kappa, alpha = with_people(HELPFUL, near, seed=0)
    assert (kappa.between, alpha.between) == ("people", "people")
    assert kappa.coefficient == "Cohen's kappa, quadratic weights"
    assert kappa.same == 0
    assert kappa.value is not None
    assert alpha.value is not None
    assert kappa.value > 0.8
    assert alpha.value > 0.8


def test_agreement_with_people_on_names_and_pairs() -> None:
    kappa, alpha = with_people(YES_NO, [(Told(("Yes", "Yes"), 0), "Yes"), (Told(("No",), 1), "No")] * 5, seed=0)
    assert (kappa.coefficient, kappa.value, kappa.n) == ("Cohen's kappa", 1.0, 15)
    assert alpha.value == 1.0
    pairs = [(Told((BASELINE,), 0), BASELINE), (Told((CANDIDATE,), 1), CANDIDATE), (Told(("tie",), 2), BASELINE)]
    kappa, _ = with_people(None, pairs, seed=0)
    assert kappa.same == pytest.approx(2 / 3)


def test_the_golden_tables_hold_for_people_too() -> None:
    """[[45, 15], [25, 15]] has kappa 0.1304 in the literature."""
    table = {("Yes", "Yes"): 45, ("Yes", "No"): 15, ("No", "Yes"): 25, ("No", "No"): 15}
    told = [(Told((said,), 0), right) for (right, said), count in table.items() for _ in range(count)]
    kappa, _ = with_people(
        built_in("Refusal"), [(Told(one.answers, n), right) for n, (one, right) in enumerate(told)], seed=0
    )
    assert kappa.value == pytest.approx(0.1304, abs=5e-5)
