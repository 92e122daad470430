from __future__ import annotations

import math
import random

import numpy as np
import pytest

from outcrop.domain.scores import BiasCheck
from outcrop.evaluation.judges.bias import Judged, decided, length_bias, length_of, position_bias
from outcrop.evaluation.judges.judging import Quality, bias_checks
from outcrop.evaluation.judges.preferences import Preferred
from outcrop.evaluation.judges.questions import Exchange

from .doubles import judge_by_quality, pair_exchanges, session

SEEDS = range(12)


def position(check: tuple[BiasCheck, ...]) -> BiasCheck:
    return next(one for one in check if one.kind == "position")


@pytest.mark.parametrize("tuned_good", [0.5, 0.9])
def test_a_known_liking_for_the_first_place_is_found(tuned_good: float) -> None:
    """A share of 0.3 of the rulings goes to the first place: with the others it wins 0.65 of them."""
    for seed in SEEDS:
        given = pair_exchanges(150, tuned_good=tuned_good, seed=seed)
        found = position(bias_checks(session(judge_by_quality(0.5, first=0.3), given, seed=seed)))
        assert found.found, seed
        assert found.low is not None
        assert found.high is not None
        assert found.low <= 0.65 + 0.05
        assert found.high >= 0.65 - 0.05
        assert found.low > 0.5


@pytest.mark.parametrize("tuned_good", [0.5, 0.9])
def test_none_is_found_where_there_is_none(tuned_good: float) -> None:
    """However much better one model is: each pair is asked in both orders. One check in a hundred may err by chance."""
    alarms = []
    for seed in SEEDS:
        given = pair_exchanges(150, tuned_good=tuned_good, seed=seed)
        found = bias_checks(session(judge_by_quality(0.7), given, seed=seed))
        assert {check.kind for check in found} == {"position", "length"}
        alarms += [check for check in found if check.found]
    assert [check for check in alarms if check.kind == "position"] == []
    assert len(alarms) <= 1


def test_the_second_place_can_be_liked_too() -> None:
    pairs = [(Preferred(("candidate",), ("baseline",)), record) for record in range(40)]
    (found,) = decided([position_bias(pairs)])
    assert found.value == 0
    assert found.found


def test_false_alarms_are_as_rare_as_promised() -> None:
    """Of 400 judges without a liking, about 4 have p < 0.01, and the mid-p holds what it says."""
    lot = random.Random(11)
    alarms = 0
    for _ in range(400):
        pairs = [
            (Preferred(*(("candidate",) if lot.random() < 0.7 else ("baseline",) for _ in "12")), n) for n in range(100)
        ]
        alarms += decided([position_bias(pairs)])[0].found
    assert alarms <= 10


def test_repeats_and_candidates_of_a_record_count_as_one() -> None:
    first = Preferred(("baseline",) * 5, ("candidate",) * 5)
    found = position_bias([(first, "one record")] * 20)
    assert found.n == 1
    assert found.p_value is None
    assert "fewer than two records" in found.method


def test_rulings_read_in_one_order_alone_do_not_count() -> None:
    pairs = [(Preferred(("baseline",), (None,)), record) for record in range(50)]
    assert position_bias(pairs).n == 0


# length


def judged(n: int, *, wins_by: str, seed: int) -> list[Judged]:
    lot = random.Random(seed)
    made = []
    for record in range(n):
        quality = lot.gauss(0, 1)
        longer = quality + lot.gauss(0, 1)
        ruling = (quality if wins_by == "quality" else longer) + lot.gauss(0, 0.7)
        made.append(Judged(longer, float(ruling > 0), quality, record))
    return made


def check(given: list[Judged], quality: str = "the difference in ROUGE-L") -> BiasCheck:
    return decided([length_bias(given, subject="tuned, Helpfulness", what="how far it is preferred", quality=quality)])[
        0
    ]


def test_a_judge_of_lengths_is_found() -> None:
    for seed in SEEDS:
        found = check(judged(200, wins_by="length", seed=seed))
        assert found.found, seed
        assert found.value is not None
        assert found.value > 0.2
        assert "ROUGE-L taken out" in found.definition


def test_longer_and_better_is_no_bias() -> None:
    for seed in SEEDS:
        assert not check(judged(200, wins_by="quality", seed=seed)).found, seed


def test_without_a_measure_of_quality_it_says_so() -> None:
    given = [Judged(one.length, one.ruling, math.nan, one.cluster) for one in judged(200, wins_by="quality", seed=0)]
    for quality in ("", "the difference in ROUGE-L"):
        found = check(given, quality)
        assert not found.adjusted
        assert "longer responses may be better ones" in found.definition
        assert found.found


def test_responses_of_a_cluster_count_as_one() -> None:
    given = [
        Judged(one.length, one.ruling, one.quality, place % 4)
        for place, one in enumerate(judged(200, wins_by="length", seed=0))
    ]
    found = check(given)
    assert (found.n, found.value) == (4, None)


def test_a_judge_that_counts_words_is_found_from_its_rulings() -> None:
    """Through the whole chain: prompts, a script that counts, rulings, and a metric that tells quality."""
    lot = random.Random(5)
    given = [Exchange("Say", ("poor", f"good {'word ' * lot.randint(0, 40)}")) for _ in range(200)]
    given += [Exchange("Say", (f"good {'word ' * lot.randint(0, 40)}", "poor")) for _ in range(200)]
    quality = Quality("a coin", [np.array([lot.random() for _ in given]) for _ in range(2)])
    found = bias_checks(session(judge_by_quality(1.0), given, quality=quality))
    assert [one.kind for one in found if one.found] == ["length"]
    assert found[1].subject == "tuned, Helpfulness"


def test_lengths_are_of_words() -> None:
    assert length_of("") == 0
    assert length_of("one two  three") == pytest.approx(math.log(4))
