from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.domain.keys import NewKey


@pytest.fixture
def outcrop(home: Path) -> Iterator[Outcrop]:
    with Outcrop(home) as opened:
        yield opened


@pytest.fixture
def new(outcrop: Outcrop) -> NewKey:
    """An access key."""
    return outcrop.keys.create("a test")
