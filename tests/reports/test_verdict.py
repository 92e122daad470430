from __future__ import annotations

from dataclasses import replace

import pytest

from outcrop.domain.scores import Direction, Outcome, Score
from outcrop.reports.verdict import outcome, reading, records_needed, verdict, verdict_alone, verdicts

from .samples import BASE, TUNED, alone, comparison, groups, moved, report, score, three

UP, DOWN, NONE = Direction.HIGHER, Direction.LOWER, Direction.NONE
BETTER, WORSE, UNDECIDED = Outcome.BETTER, Outcome.WORSE, Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("low", "high", "direction", "expected"),
    [
        (0.01, 0.2, UP, BETTER),
        (-0.2, -0.01, UP, WORSE),
        (-0.01, 0.2, UP, UNDECIDED),
        (0.0, 0.2, UP, UNDECIDED),
        (0.01, 0.2, DOWN, WORSE),
        (-0.2, -0.01, DOWN, BETTER),
        (-0.2, 0.0, DOWN, UNDECIDED),
        (0.01, 0.2, NONE, UNDECIDED),
        (-0.2, -0.01, NONE, UNDECIDED),
        (None, None, UP, UNDECIDED),
        (float("nan"), 0.2, UP, UNDECIDED),
    ],
)
def test_the_interval_decides(low: float | None, high: float | None, direction: Direction, expected: Outcome) -> None:
    one = comparison(difference=0.1, low=low, high=high, direction=direction)
    assert outcome(one) == expected


def test_what_does_not_survive_correction_decides_nothing() -> None:
    one = comparison(p_value=0.03, p_holm=0.2)
    assert outcome(one) == UNDECIDED
    assert outcome(replace(one, p_holm=0.03)) == BETTER
    assert outcome(replace(one, p_holm=None)) == BETTER


def test_readings() -> None:
    assert reading(comparison()) == "better"
    assert reading(comparison(low=-0.1)) == "can’t tell"
    assert reading(comparison(low=None, high=None)) == ""
    assert reading(comparison("length_ratio")) == ""


@pytest.mark.parametrize(
    ("difference", "half", "n", "needed"),
    [
        (0.1, 0.1, 50, 50),
        (0.1, 0.2, 50, 200),
        (-0.1, 0.2, 50, 200),
        (0.03, 0.1, 100, 1200),  # 100 · (0.1 / 0.03)² = 1111.1
        (0.0, 0.1, 100, None),
        (None, 0.1, 100, None),
    ],
)
def test_records_needed_grow_with_the_square(difference: float | None, half: float, n: int, needed: int | None) -> None:
    middle = difference or 0.0
    assert records_needed(comparison(difference=difference, low=middle - half, high=middle + half, n=n)) == needed


def primary() -> tuple[Score, Score]:
    return score(BASE, "rougeL"), score(TUNED, "rougeL")


def test_better_in_words() -> None:
    found = verdict(*primary(), comparison(), groups(), moved(), task="Summarization", is_base=True)
    assert found.outcome == BETTER
    assert found.headline == "“synopsis” writes better summaries than its base: ROUGE-L 0.32 against 0.22."
    assert found.detail == (
        "The difference is +0.103 (95% interval +0.079 to +0.128, p < 0.001) over 126 of 128 records. "
        "88 records improved, 31 got worse, 7 stayed the same. "
        "The weakest category is “games”: −0.041 (−0.102 to +0.020, n=12), which may be chance."
    )


def test_worse_in_words_and_another_task() -> None:
    low = replace(score(TUNED, "rougeL"), value=0.15)
    found = verdict(score(BASE, "rougeL"), low, comparison(difference=-0.07, low=-0.1, high=-0.04), task="General")
    assert found.outcome == WORSE
    assert found.headline == f"“synopsis” scores worse than “{BASE}”: ROUGE-L 0.150 against 0.219."


def test_undecided_says_how_many_records_it_would_take() -> None:
    found = verdict(
        *primary(), comparison(difference=0.05, low=-0.05, high=0.15, p_value=0.3, p_holm=0.6), is_base=True
    )
    assert found.outcome == UNDECIDED
    assert found.headline.startswith(
        "These 126 records can’t tell whether “synopsis” is better or worse than its base:"
    )
    assert "(95% interval −0.05 to +0.15, p = 0.30, p = 0.60 after Holm’s correction)" in found.detail
    assert "it would take roughly 510 records" in found.detail


def test_a_difference_of_nothing_asks_for_no_records() -> None:
    assert "No difference was seen" in verdict(*primary(), comparison(difference=0.0, low=-0.1, high=0.1)).detail
    tiny = verdict(*primary(), comparison(difference=1e-6, low=-0.1, high=0.1))
    assert "a million records would not settle it" in tiny.detail


def test_lower_is_better() -> None:
    pair = score(BASE, "perplexity"), score(TUNED, "perplexity")
    found = verdict(*pair, comparison("perplexity"))
    assert found.outcome == WORSE
    assert found.headline == f"“{TUNED}” scores worse than “{BASE}”: perplexity 38.9 against 31.4; lower is better."


def test_no_way_is_better() -> None:
    pair = score(BASE, "length_ratio"), score(TUNED, "length_ratio")
    found = verdict(*pair, comparison("length_ratio"))
    assert found.outcome == UNDECIDED
    assert "differs from" in found.headline
    assert "neither way is better" in found.headline
    same = verdict(*pair, comparison("length_ratio", difference=0.01, low=-0.1, high=0.12))
    assert same.headline.startswith("No difference seen")


def test_too_few_records_and_none() -> None:
    few = verdict(*primary(), comparison(low=None, high=None, n=3))
    assert (few.outcome, few.headline) == (
        UNDECIDED,
        f"“synopsis” and “{BASE}” can’t be compared yet: not enough data (n=3).",
    )
    none = verdict(*primary(), comparison(difference=None, low=None, high=None, n=0))
    assert none.headline.endswith("no record has a ROUGE-L for both.")


def test_values_that_contradict_the_paired_difference_are_not_quoted() -> None:
    low = replace(score(TUNED, "rougeL"), value=0.2, n_scored=60)
    found = verdict(score(BASE, "rougeL"), low, comparison(n=60))
    assert found.headline.endswith("ROUGE-L +0.103 on the records that both have.")


def test_a_metric_that_moved_the_other_way_is_named() -> None:
    others = [comparison("perplexity"), comparison("rouge2"), comparison("exact_match")]
    found = verdict(*primary(), comparison(), others)
    assert found.detail.endswith("But perplexity got worse (+7.5, +4.2 to +10.8).")
    chance = replace(others[0], p_holm=0.3)
    assert "perplexity" not in verdict(*primary(), comparison(), [chance]).detail


def test_a_weak_p_value_is_a_hint() -> None:
    assert "a hint rather than proof" in verdict(*primary(), comparison(p_value=0.06, p_holm=0.06)).detail
    uncorrected = verdict(*primary(), comparison(p_value=0.02, p_holm=0.06))
    assert uncorrected.outcome == UNDECIDED
    assert "one does so by chance (p = 0.060 after Holm’s correction)" in uncorrected.detail


def test_the_worst_category_by_what_is_known_of_it() -> None:
    bad = replace(groups()[0], low=-0.09, high=-0.01, p_holm=0.01)
    assert "It got worse on “games”" in verdict(*primary(), comparison(), [bad, *groups()[1:]]).detail
    assert "The smallest gain is on “sound”" in verdict(*primary(), comparison(), groups()[1:]).detail
    assert "category" not in verdict(*primary(), comparison(), groups()[:1]).detail


def test_one_model_alone() -> None:
    found = verdict_alone(score(BASE, "rougeL"))
    assert (found.outcome, found.headline) == (Outcome.ALONE, f"“{BASE}” has ROUGE-L 0.219.")
    assert found.detail.startswith("95% interval 0.197 to 0.240, 128 of 128 scored.")
    none = verdict_alone(score(BASE, "rougeL", value=None, low=None, high=None, n_scored=0))
    assert none.headline == f"“{BASE}” has no ROUGE-L: no record could be scored."


def test_a_report_gets_one_verdict_per_later_model() -> None:
    assert [one.outcome for one in verdicts(report())] == [BETTER]
    assert [one.outcome for one in verdicts(three())] == [BETTER, WORSE]
    assert [one.outcome for one in verdicts(alone())] == [Outcome.ALONE]
    assert verdicts(replace(alone(), models=(), verdicts=())) == ()


def test_a_candidate_that_was_not_compared_still_gets_its_verdict() -> None:
    found = verdicts(replace(report(), comparisons=()))
    assert [one.outcome for one in found] == [UNDECIDED]
    assert "were not compared" in found[0].headline
