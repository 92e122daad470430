"""What tests of OpenAI's paths share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop import Outcrop
from tests.server.openai.double import Double


@pytest.fixture
def double(home: Path) -> Iterator[Double]:
    """A server with a home, and a model that always says the same."""
    with Outcrop(home) as opened:
        yield Double(opened)
