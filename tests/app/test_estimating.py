"""The probe as a person meets it: in a process of its own, once."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.app.customization import prepare_customization
from outcrop.domain.errors import NotSupported
from tests.doubles import pairs


@pytest.fixture
def tiny(idle: Outcrop, tiny_folder: Path) -> Outcrop:
    idle.models.add(str(tiny_folder), "tiny")
    return idle


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return pairs(tmp_path / "train.jsonl", 8)


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The commands that were run."""
    run, seen = subprocess.run, []

    def noted(command: Any, **options: Any) -> Any:
        seen.append(command)
        return run(command, **options)

    monkeypatch.setattr("outcrop.app.estimating.subprocess.run", noted)
    return seen


def test_a_probe_is_made_once_and_used_by_whatever_has_its_steps(tiny: Outcrop, train: Path, probes: list[Any]) -> None:
    given: dict[str, Any] = {"train": train, "name": "new", "validation": train, "batch_size": 4}
    first = tiny.estimate("tiny", **given)
    assert first.probed
    # PyTorch alone takes a good part of this.
    assert 150e6 < first.memory < 3e9
    assert 0 < first.seconds_low < first.seconds < first.seconds_high
    assert first.disk > 4 * first.trained_weights
    again = tiny.estimate("tiny", **given)
    assert again == first
    longer = tiny.estimate("tiny", **given, epochs=3, learning_rate=1e-5)
    assert longer.probed
    assert (longer.steps, longer.memory) == (3 * first.steps, first.memory)
    # What starts a job makes no probe, and believes one.
    started = prepare_customization(
        tiny.services, "tiny", train=train, name="new", validation=train, given={"batch_size": 4}
    )
    assert started.estimate == first
    assert not tiny.estimate("tiny", **{**given, "batch_size": 2}, probe=False).probed
    assert len(probes) == 1
    store = tiny.services.settings.home / "store"
    assert not list(store.glob("probes/*"))
    assert tiny.jobs.list() == []


def test_a_probe_that_fails_says_its_last_words(tiny: Outcrop, train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outcrop.app.estimating.sys.executable", "/bin/false")
    with pytest.raises(NotSupported, match=r"the probe failed; .* or estimate without a probe"):
        tiny.estimate("tiny", train=train, name="new")
    monkeypatch.undo()


def test_what_can_not_fit_is_not_tried(
    tiny: Outcrop, train: Path, probes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outcrop.app.customization.usable_memory", lambda: 10**6)
    with pytest.raises(NotSupported, match=r"this machine has .* of memory, the job needs about"):
        tiny.estimate("tiny", train=train, name="new")
    assert probes == []
