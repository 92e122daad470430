from __future__ import annotations

from outcrop.engines.remote.concurrency import Concurrency


def round_of_answers(concurrency: Concurrency) -> None:
    for _ in range(concurrency.limit):
        concurrency.answered()


def limits(concurrency: Concurrency, rounds: int) -> list[int]:
    found = []
    for _ in range(rounds):
        round_of_answers(concurrency)
        found.append(concurrency.limit)
    return found


def test_it_doubles_until_it_is_too_much() -> None:
    concurrency = Concurrency(64)
    assert concurrency.limit == 4
    assert limits(concurrency, 5) == [8, 16, 32, 64, 64]


def test_then_it_grows_by_one_a_round() -> None:
    concurrency = Concurrency(64)
    limits(concurrency, 2)
    concurrency.throttled(concurrency.decreases)
    assert concurrency.limit == 11  # 0.7 of 16
    # One round without growth, then about one a round: 1 / limit for each answer.
    assert limits(concurrency, 5) == [11, 12, 13, 14, 15]


def test_requests_that_were_under_way_together_count_once() -> None:
    concurrency = Concurrency(64)
    limits(concurrency, 3)
    began = concurrency.decreases
    for _ in range(20):
        concurrency.throttled(began)
    assert concurrency.limit == 22
    concurrency.throttled(concurrency.decreases)
    assert concurrency.limit == 15


def test_other_failures_only_pause_growth() -> None:
    concurrency = Concurrency(64)
    concurrency.failed()
    assert limits(concurrency, 3) == [4, 8, 16]


def test_one_is_always_left() -> None:
    concurrency = Concurrency(2)
    for _ in range(50):
        concurrency.throttled(concurrency.decreases)
    assert concurrency.limit == 1
    # Somebody always tries for more again, but never for more than is allowed.
    assert limits(concurrency, 6)[-1] == 2
    assert Concurrency(1).limit == 1
