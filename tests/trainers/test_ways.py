"""Hand-worked: a body of 100 weights and a head of 20, two layers of width 5; 10 operations, 20 bytes a second."""

from __future__ import annotations

import pytest

from outcrop.models.cost import ModelSize
from outcrop.trainers.ways import Candidate, Serving, break_even, price

SIZE = ModelSize(body=100, head=20, lora_per_rank=4, layers=2, width=5, bytes=480, cache_width=6)
SERVING = Serving(SIZE, flops=10.0, bytes=20.0)

#: Reading 8 tokens: 2·(100·8 + 20) + 4·2·5·8·8 = 4200 operations, at 10 a second.
READING = 420.0
#: Writing one of 4 tokens, which looks back at 8 + 4/2: 2·(100 + 20) + 4·2·5·10 = 640 operations.
COMPUTING = 64.0
#: Its own keys and values: 4·6·10 bytes, at 20 a second.
CACHE = 12.0
#: 4·(100 + 20) bytes of weights.
WEIGHTS = 24.0


@pytest.mark.parametrize("rows", [1, 4])
def test_a_response_by_hand(rows: int) -> None:
    want = READING + 4 * (WEIGHTS / rows + CACHE + COMPUTING)
    assert SERVING.response_seconds(8, 4, rows) == pytest.approx(want)


def test_an_adapter_is_read_and_computed_beside_the_model() -> None:
    adapted = Serving(SIZE, 10.0, 20.0, adapter=10)
    # 2·10 operations for each of 8 + 4 tokens, and 4·10 bytes for each of 4.
    more = 2 * 10 * 12 / 10 + 4 * 40 / 20
    assert adapted.response_seconds(8, 4, 1) - SERVING.response_seconds(8, 4, 1) == pytest.approx(more)


def test_what_was_seen_is_what_is_foreseen() -> None:
    # 4200 operations in 42 seconds are 100 a second; a token after 8 takes 2·120 + 4·2·5·8 of them, 5.6 seconds.
    seen = SERVING.seen(8, 42.0, 5.6 + 67.2)
    assert seen.flops == pytest.approx(100.0)
    # 4·120 bytes of weights and 4·6·8 of keys and values in the other 67.2 seconds.
    assert seen.bytes == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("training", "own", "other", "want"),
    [(100.0, 2.0, 4.0, 50), (101.0, 2.0, 4.0, 51), (100.0, 4.0, 4.0, None), (100.0, 5.0, 4.0, None)],
)
def test_break_even(training: float, own: float, other: float, want: int | None) -> None:
    assert break_even(training, own, other) == want


def test_ways_are_priced_in_their_order() -> None:
    short = SERVING.response_seconds(8, 4, 1)
    long = SERVING.response_seconds(80, 4, 1)
    plain, tuned = price(
        [Candidate("plain", SERVING, 0.0, 80, 4, 1), Candidate("tuned", SERVING, 3600.0, 8, 4, 1)], price_per_hour=2.0
    )
    assert (plain.training_cost, plain.breaks_even) == (0.0, {})
    assert plain.seconds_alone == pytest.approx(1000 * long)
    assert tuned.training_cost == 2.0
    assert tuned.cost_batched == pytest.approx(1000 * short / 3600 * 2)
    assert tuned.breaks_even == {"plain": -(-3600 // (long - short))}


def test_without_a_price_there_are_times_alone() -> None:
    (way,) = price([Candidate("plain", SERVING, 0.0, 8, 4, 2)], price_per_hour=None)
    assert (way.training_cost, way.cost_alone, way.cost_batched) == (None, None, None)
    assert way.seconds_batched < way.seconds_alone
