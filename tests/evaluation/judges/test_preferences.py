from __future__ import annotations

from collections.abc import Sequence

import pytest

from outcrop.evaluation.judges.preferences import Preferred, PreferredBy, place_of, winner


def by(pairs: Sequence[Preferred | None]) -> PreferredBy:
    return PreferredBy("Helpfulness preference", "signature", "base", "tuned", pairs, None, 0)


WON = Preferred(("candidate",), ("candidate",))
LOST = Preferred(("baseline",), ("baseline",))
SPLIT = Preferred(("baseline",), ("candidate",))


@pytest.mark.parametrize(
    ("answer", "swapped", "won"),
    [
        ("A", False, "baseline"),
        ("B", False, "candidate"),
        ("A", True, "candidate"),
        ("B", True, "baseline"),
        ("tie", False, "tie"),
        ("tie", True, "tie"),
    ],
)
def test_who_wins_depends_on_the_order(answer: str, swapped: bool, won: str) -> None:
    assert winner(answer, swapped=swapped) == won
    assert place_of(won, swapped=swapped) == answer


def test_the_difference_is_wins_less_losses() -> None:
    found = by([WON] * 60 + [LOST] * 30 + [SPLIT] * 10).comparison()
    assert found.difference == pytest.approx(0.3)
    assert found.n == 100
    assert found.low is not None
    assert found.low > 0
    assert found.p_value is not None
    assert found.p_value < 0.01


def test_a_liking_for_a_place_takes_nothing_from_either_side() -> None:
    assert by([SPLIT] * 40).comparison().difference == 0
    assert Preferred(("candidate", "tie"), ("baseline", "baseline")).share() == pytest.approx(0.375)


def test_a_pair_that_was_read_in_one_order_alone_is_unscored() -> None:
    half = Preferred(("candidate",), (None,))
    assert half.share() is None
    assert half.share("baseline") == 0.5
    found = by([WON] * 50 + [half] * 5 + [None]).comparison()
    assert (found.n, found.difference) == (50, 1.0)
    assert "widened" in found.method


def test_unreadable_rulings_widen_the_interval() -> None:
    plain = by([WON] * 60 + [LOST] * 40).comparison()
    torn = by([WON] * 60 + [LOST] * 40 + [Preferred((None,), ("candidate",))] * 20).comparison()
    assert plain.low is not None
    assert plain.high is not None
    assert torn.low is not None
    assert torn.high is not None
    assert torn.low < plain.low
    assert torn.high > plain.high
    assert torn.p_holm is None


def test_groups_are_those_of_any_metric() -> None:
    found = by([WON] * 6 + [LOST] * 6).groups(["a"] * 6 + ["b"] * 6)
    assert {group.group: group.difference for group in found} == {"a": 1.0, "b": -1.0}
