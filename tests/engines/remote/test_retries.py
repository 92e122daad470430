from __future__ import annotations

from random import Random

import pytest

from outcrop.engines.remote.failures import PassingFailure
from outcrop.engines.remote.retries import Patience

PATIENCE = Patience(base=0.5, longest=30.0, total=900.0, first_contact=30.0)


@pytest.mark.parametrize(("failures", "ceiling"), [(1, 0.5), (2, 1.0), (4, 4.0), (7, 30.0), (10_000, 30.0)])
def test_pauses_fill_what_doubles(failures: int, ceiling: float) -> None:
    jitter = Random(1)
    pauses = [PATIENCE.pause(failures, PassingFailure("500"), jitter) for _ in range(2000)]
    assert 0 <= min(pauses) < 0.01 * ceiling
    assert 0.99 * ceiling < max(pauses) <= ceiling
    # Uniform: the mean of 2,000 lies within 4 standard errors of the middle.
    assert sum(pauses) / 2000 == pytest.approx(ceiling / 2, abs=4 * ceiling / (12 * 2000) ** 0.5)


def test_a_server_is_left_alone_for_as_long_as_it_says() -> None:
    jitter = Random(1)
    pauses = [PATIENCE.pause(1, PassingFailure("429", retry_after=7.0), jitter) for _ in range(100)]
    assert 7.0 <= min(pauses) < max(pauses) <= 7.5


def test_the_seed_decides() -> None:
    one, other = (
        [PATIENCE.pause(3, PassingFailure("500"), jitter) for _ in range(5)] for jitter in (Random(3), Random(3))
    )
    assert one == other


def test_an_address_that_never_answered_is_given_up_sooner() -> None:
    refused = PassingFailure("refused", unreachable=True)
    assert PATIENCE.limit(refused, reached=False) == 30.0
    assert PATIENCE.limit(refused, reached=True) == 900.0
    assert PATIENCE.limit(PassingFailure("500"), reached=False) == 900.0
