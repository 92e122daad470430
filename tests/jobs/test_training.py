from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from outcrop.catalog.protocol import Claim
from outcrop.domain.codec import to_json
from outcrop.domain.errors import LeaseLost, StorageFailure
from outcrop.domain.jobs import Progress
from outcrop.domain.models import CurvePoint
from outcrop.jobs import training
from outcrop.jobs.lease import Lease, StopAsked
from outcrop.jobs.training import TrainingCost, TrainingWatch, thinned
from outcrop.models.cost import ModelSize
from outcrop.roof import Roof
from outcrop.services import Services
from outcrop.trainers.checkpoint import read_checkpoint
from outcrop.trainers.loop import Plan
from outcrop.trainers.protocol import Checkpoint, Step
from tests.doubles import taken_over

SIZE = ModelSize(body=100, head=20, lora_per_rank=4, layers=2, width=5, bytes=480, cache_width=20)
PLAN = Plan(steps=40, steps_per_epoch=10, learning_rate=1e-3)
COST = TrainingCost(SIZE, None, Roof(flops=1e6, bytes=1e6, threads=1))


@pytest.fixture
def lease(services: Services, claim: Claim) -> Lease:
    """A lease whose thread does not run."""
    return Lease(services.catalog, claim, 600)


@pytest.fixture
def watch(services: Services, lease: Lease) -> TrainingWatch:
    return TrainingWatch(services, lease, PLAN, COST)


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step, {"weight.w": torch.full((3,), float(step))}, {"at": step}, (CurvePoint(step, 0, 1.5),), {})


def a_step(number: int, **totals: float) -> Step:
    given = {"weight": 50.0, "seconds": 2.0, "tokens": 100.0, "computed_tokens": 125.0, "records": 10.0, **totals}
    return Step(number, PLAN.steps, 0, 1.25, 5.0, 0.2, 1e-3, 0.5, given)


def kept(services: Services, claim: Claim) -> list[str]:
    """Keys of the checkpoints whose files are there, whole and unaltered."""
    folder = f"jobs/{claim.job.id}/checkpoints/"
    keys = sorted({"/".join(entry.key.split("/")[:4]) for entry in services.store.entries(folder)})
    for key in keys:
        services.store.get_folder(key, verify=True)
    return [key.rpartition("/")[2] for key in keys]


def step_of(services: Services, claim: Claim) -> int | None:
    found = services.catalog.job(claim.job.id).checkpoint
    return None if found is None else int(found["step"])


def test_files_come_before_the_catalogs_word(
    watch: TrainingWatch, services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def noting(owner: object, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            result = real(*arguments, **named)
            order.append(name)
            return result

        monkeypatch.setattr(owner, name, noted)

    for owner, name in ((services.store, "put_folder"), (services.catalog, "commit_checkpoint")):
        noting(owner, name)
    noting(services.store, "delete")
    for step in (1, 2, 3):
        watch.checkpoint(checkpoint(step))
    assert order == ["put_folder", "commit_checkpoint"] * 3 + ["delete"]
    kept = services.catalog.job(claim.job.id).checkpoint
    assert kept is not None
    assert (kept["step"], kept["keys"]) == (3, [f"jobs/{claim.job.id}/checkpoints/{step}-1" for step in (3, 2)])
    assert kept["curve"] == [to_json(point) for point in checkpoint(3).curve]


def test_a_live_curve_keeps_all_validations_and_some_of_the_rest() -> None:
    losses = [CurvePoint(step, 0, training_loss=1.0) for step in range(1, 10_001)]
    validations = [CurvePoint(step, 0, validation_loss=1.0) for step in (0, 7, 9_999)]
    few = thinned([*validations[:1], *losses[:7], validations[1], *losses[7:9_999], validations[2], losses[-1]])
    assert [point.step for point in few if point.validation_loss is not None] == [0, 7, 9_999]
    assert 1_500 < len(few) < 2_100
    assert thinned(losses[:100]) == losses[:100]


def test_two_stay(watch: TrainingWatch, services: Services, claim: Claim) -> None:
    for step in range(1, 6):
        watch.checkpoint(checkpoint(step))
        assert kept(services, claim) == [f"{step - 1}-1", f"{step}-1"][-step:]
    folder = services.store.get_folder(f"jobs/{claim.job.id}/checkpoints/5-1")
    found = read_checkpoint(folder)
    assert (found.step, found.trainer, found.curve) == (5, {"at": 5}, (CurvePoint(5, 0, 1.5),))
    assert found.tensors["weight.w"].tolist() == [5.0, 5.0, 5.0]


def test_a_lease_lost_before_the_catalogs_word_leaves_the_old_one(
    watch: TrainingWatch, services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.checkpoint(checkpoint(1))
    put = services.store.put_folder

    def taken_meanwhile(folder: Path, key: str, *, move: bool = False) -> None:
        put(folder, key, move=move)
        taken_over(services, claim.job)

    monkeypatch.setattr(services.store, "put_folder", taken_meanwhile)
    with pytest.raises(LeaseLost):
        watch.checkpoint(checkpoint(2))
    assert step_of(services, claim) == 1
    assert "1-1" in kept(services, claim)
    # The next worker's checkpoint of the same step lies elsewhere: its fence is in the key.
    second = Lease(services.catalog, Claim(claim.job, 2, claim.worker), 600)
    monkeypatch.setattr(services.store, "put_folder", put)
    TrainingWatch(services, second, PLAN, COST).checkpoint(checkpoint(2))
    assert "2-2" in kept(services, claim)


def test_a_lease_lost_before_the_files_leaves_nothing(
    watch: TrainingWatch, services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_over(services, claim.job)
    monkeypatch.setattr("outcrop.jobs.lease.seconds_awake_or_asleep", lambda: 1e12)
    with pytest.raises(LeaseLost):
        watch.checkpoint(checkpoint(1))
    assert kept(services, claim) == []
    assert list((services.settings.home / "scratch").iterdir()) == []


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("error", [FULL, SafetensorError("I/O error: No space left on device (os error 28)")])
def test_a_full_disk_is_said_and_the_checkpoint_before_is_good(
    watch: TrainingWatch, services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    watch.checkpoint(checkpoint(1))

    def full(made: Checkpoint, folder: Path) -> None:
        (folder / "tensors.safetensors").write_bytes(b"half")
        raise error

    monkeypatch.setattr(training, "write_checkpoint", full)
    with pytest.raises(StorageFailure, match=r"the checkpoint of step 2 can't be written: .*No space left"):
        watch.checkpoint(checkpoint(2))
    assert step_of(services, claim) == 1
    assert kept(services, claim) == ["1-1"]
    assert list((services.settings.home / "scratch").iterdir()) == []


def test_a_disk_that_fills_while_the_store_keeps_it(
    watch: TrainingWatch, services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.checkpoint(checkpoint(1))

    def full(handle: int) -> None:
        raise FULL

    with monkeypatch.context() as patched:
        patched.setattr("outcrop.stores.local.os.fsync", full)
        with pytest.raises(StorageFailure, match=r"2-1: can't be written .No space left on device"):
            watch.checkpoint(checkpoint(2))
    assert step_of(services, claim) == 1
    assert kept(services, claim) == ["1-1"]
    watch.checkpoint(checkpoint(3))
    assert kept(services, claim) == ["1-1", "3-1"]


def test_a_damaged_checkpoint_does_not_push_out_a_good_one(
    services: Services, lease: Lease, watch: TrainingWatch, claim: Claim
) -> None:
    for step in (1, 2):
        watch.checkpoint(checkpoint(step))
    folder = f"jobs/{claim.job.id}/checkpoints"
    later = TrainingWatch(services, lease, PLAN, COST, [f"{folder}/1-1"])
    later.checkpoint(checkpoint(3))
    found = services.catalog.job(claim.job.id).checkpoint
    assert found is not None
    assert found["keys"] == [f"{folder}/3-1", f"{folder}/1-1"]


def test_a_wish_to_stop_is_granted_once_the_checkpoint_is_kept(
    watch: TrainingWatch, lease: Lease, services: Services, claim: Claim
) -> None:
    assert not watch.wants_checkpoint()
    services.catalog.stop(claim.job.id)
    lease._renew()
    watch.step(a_step(7))
    assert watch.wants_checkpoint()
    with pytest.raises(StopAsked):
        watch.checkpoint(checkpoint(7))
    assert step_of(services, claim) == 7
    assert kept(services, claim) == ["7-1"]


def test_a_checkpoint_is_due_by_time(
    watch: TrainingWatch, services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: now + 59))
    assert not watch.wants_checkpoint()
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: now + 61))
    assert watch.wants_checkpoint()
    watch.checkpoint(checkpoint(1))
    assert not watch.wants_checkpoint()


def test_a_step_is_told_with_its_rates(
    watch: TrainingWatch, lease: Lease, services: Services, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []
    monkeypatch.setattr(lease, "progress", told.append)
    watch.validated(CurvePoint(0, 0, validation_loss=2.5))
    watch.step(a_step(10))
    (progress,) = told
    assert (progress.phase, progress.done, progress.total) == ("training", 10, 40)
    # 100 tokens in 2 s; the 30 steps that are left take three times the 2 s of the first ten.
    assert (progress.rate, progress.rate_unit, progress.eta) == (50.0, "tokens", 6.0)
    assert progress.figures["loss"] == 1.25
    assert progress.figures["validation_loss"] == 2.5
    # 6·(100·100 + 20·50) + 12·2·5·(100 tokens / 10 records)·100 = 66,000 + 120,000 in 2 s, of 1e6 a second.
    assert progress.figures["roof_share"] == pytest.approx(0.093)
    # 125 tokens went through the network for 100.
    assert progress.figures["padding_share"] == pytest.approx(0.2)
    lines = [line.text for line in services.catalog.log_lines(claim.job.id)]
    assert lines == ["validation loss 2.5000 after step 0", "step 10/40: loss 1.2500, 50 tokens/s"]


def test_the_log_has_some_twenty_steps_of_a_run(watch: TrainingWatch, services: Services, claim: Claim) -> None:
    for number in range(1, PLAN.steps + 1):
        watch.step(a_step(number))
    assert len(services.catalog.log_lines(claim.job.id)) == 21


def test_no_time_and_no_tokens_have_no_rate() -> None:
    assert COST.figures({"weight": 0.0, "seconds": 0.0}) == {}
    assert COST.figures({}) == {}
