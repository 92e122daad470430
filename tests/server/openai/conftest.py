"""What tests of OpenAI's paths share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop import Outcrop
from outcrop.testing.catalogs import a_model
from tests.server.openai.double import Double


@pytest.fixture
def bare(home: Path) -> Iterator[Double]:
    """A server with an empty home."""
    with Outcrop(home) as opened:
        yield Double(opened)


@pytest.fixture
def double(bare: Double) -> Double:
    """The same with models that always say the same."""
    for name in ("rock", "words"):
        bare.outcrop.services.catalog.add_model(a_model(name))
    return bare
