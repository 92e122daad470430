from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from outcrop.catalog.protocol import Claim
from outcrop.domain.jobs import Job
from outcrop.services import Services
from tests.doubles import claimed, idle_services, submitted


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    opened = idle_services(home)
    yield opened
    opened.close()


@pytest.fixture
def job(services: Services) -> Job:
    return submitted(services)


@pytest.fixture
def claim(services: Services, job: Job) -> Claim:
    return claimed(services, job)


@pytest.fixture(autouse=True)
def _torch_as_it_was() -> Iterator[None]:
    """Training asks torch for determinism, for the whole process."""
    yield
    torch.use_deterministic_algorithms(False)
