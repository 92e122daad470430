from __future__ import annotations

import threading

import pytest

from outcrop.server.auth.limits import RateLimits


class Ticks:
    """Seconds that stand until they are moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_the_rate() -> None:
    ticks = Ticks()
    limits = RateLimits(10, 3, ticks)
    assert [limits.take("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limits.take("a") == pytest.approx(0.1)
    assert limits.take("a") == pytest.approx(0.1), "what was refused does not count"
    ticks.now += 0.1
    assert limits.take("a") == 0.0
    assert limits.take("a") == pytest.approx(0.1)


def test_the_rate_holds_in_the_long_run() -> None:
    ticks = Ticks()
    limits = RateLimits(7, 5, ticks)
    made = 0
    for _ in range(10_000):
        made += limits.take("a") == 0.0
        ticks.now += 0.01
    assert made == 5 + 7 * 100 - 1


def test_a_burst_comes_back() -> None:
    ticks = Ticks()
    limits = RateLimits(2, 4, ticks)
    for _ in range(3):
        assert [limits.take("a") == 0.0 for _ in range(5)] == [True] * 4 + [False]
        ticks.now += 2


def test_keys_do_not_share() -> None:
    limits = RateLimits(1, 1, Ticks())
    assert limits.take("a") == 0.0
    assert limits.take("b") == 0.0
    assert limits.take("a") > 0


def test_idle_keys_are_forgotten() -> None:
    ticks = Ticks()
    limits = RateLimits(10, 5, ticks)
    for number in range(1000):
        limits.take(str(number))
        ticks.now += 0.05
    assert len(limits) <= 4
    ticks.now += 10
    for _ in range(3):
        limits.take("last")
    assert len(limits) == 1


def test_threads_get_no_more_than_one_would() -> None:
    limits = RateLimits(1, 100, Ticks())
    made: list[bool] = []
    threads = [
        threading.Thread(target=lambda: made.extend(limits.take("a") == 0.0 for _ in range(50))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), sum(made)) == (400, 100)
