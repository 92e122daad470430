from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from outcrop import Outcrop
from tests.doubles import HereRunner, IdleRunner, keep_roof, patch_runner


@pytest.fixture
def idle(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outcrop]:
    """The Python API on a home whose jobs wait for ever."""
    patch_runner(monkeypatch, IdleRunner())
    keep_roof(home)
    with Outcrop(home) as opened:
        yield opened


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outcrop]:
    """The Python API on a home whose jobs are done in this process, at once."""
    patch_runner(monkeypatch, HereRunner())
    keep_roof(home)
    with Outcrop(home) as opened:
        yield opened
    # Training asks torch for determinism, for the whole process.
    torch.use_deterministic_algorithms(False)
