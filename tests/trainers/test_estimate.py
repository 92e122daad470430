"""Hand-worked: a body of 100 weights and a head of 20, two layers of width 5."""

from __future__ import annotations

from dataclasses import replace

import pytest

from outcrop.domain.hyperparameters import choose
from outcrop.domain.models import Customization
from outcrop.models.cost import ModelSize
from outcrop.roof import Roof
from outcrop.trainers.estimate import Probed, Run, Volume, estimate, estimate_probed

SIZE = ModelSize(body=100, head=20, lora_per_rank=4, layers=2, width=5, bytes=480, cache_width=6)
VOLUME = Volume(
    records=10,
    tokens=400,
    loss_tokens=50,
    longest=80,
    usual_longest=60,
    validation_tokens=100,
    validation_loss_tokens=10,
)
VALUES = choose(Customization.LORA, {"epochs": 2, "batch_size": 4, "rank": 3, "validations": 2})
RUN = Run(SIZE, VOLUME, VALUES, lora=True, roof=Roof(1000.0, 100.0, 1))
PROBED = Probed(
    seconds_per_flop=(0.003, 0.002, 0.0025),
    optimizer_seconds=5.0,
    validation_seconds_per_flop=0.001,
    load_seconds=7.0,
    checkpoint_seconds=2.0,
    end_seconds=11.0,
    memory=12345,
    checkpoint_bytes=300,
    model_bytes=100,
    context=45.0,
    validation_context=30.0,
    processor_share=1.0,
)

#: Twice 4·(100·400 + 20·50) + 6·(4·3)·400 + 12·2·5·45·400.
TRAINING = 2 * (164_000 + 28_800 + 2_160_000)
#: One before the first step and two in each of two epochs: 2·(100·100 + 20·10) + 4·2·5·30·100.
VALIDATION = 5 * (20_400 + 120_000)


def test_a_probed_run_by_hand() -> None:
    found = estimate_probed(RUN, PROBED, checkpoint_every=1000.0)
    # Three steps an epoch.
    steps = TRAINING * 0.0025 + 6 * 5.0 + VALIDATION * 0.001
    assert steps // 1000 == 12
    assert found.seconds == pytest.approx(7 + steps + 12 * 2.0 + 11)
    assert found.flop == TRAINING + VALIDATION
    assert (found.memory, found.disk, found.probed) == (12345, 2 * 300 + 100, True)
    # A thousand operations a second at best, and 400 reached.
    assert found.roof_share == pytest.approx(0.4)


def test_a_checkpoint_after_every_step() -> None:
    often, never = (estimate_probed(RUN, PROBED, checkpoint_every=seconds).seconds for seconds in (0.0, 1e9))
    assert often - never == pytest.approx(6 * 2.0)


def test_the_range_holds_every_micro_batch() -> None:
    found = estimate_probed(RUN, PROBED, checkpoint_every=1e9)
    rest = 6 * 5.0 + VALIDATION * 0.001 + 7 + 11
    assert found.seconds_low == pytest.approx(0.9 * (TRAINING * 0.002 + rest))
    assert found.seconds_high == pytest.approx(1.1 * (TRAINING * 0.003 + rest))


def test_a_busy_machine_widens_the_range() -> None:
    busy = estimate_probed(RUN, replace(PROBED, processor_share=0.5), checkpoint_every=1e9)
    idle = estimate_probed(RUN, PROBED, checkpoint_every=1e9)
    assert busy.seconds == idle.seconds
    assert busy.seconds_low == pytest.approx(idle.seconds_low * 0.5 / 0.9)
    assert busy.seconds_high == pytest.approx(idle.seconds_high * 1.6 / 1.1)


def test_the_formula_knows_a_factor_of_two() -> None:
    found = estimate(RUN, share=0.5)
    assert found.seconds == pytest.approx(found.flop / 500)
    assert (found.seconds_low, found.seconds_high) == (found.seconds / 2, found.seconds * 2)
    assert not found.probed
