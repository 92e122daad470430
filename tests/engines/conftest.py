from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from outcrop.engines.transformers import LoadedBase
from tests.tiny_model import tiny_model


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than a tiny model's work, many times so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("engines") / "tiny")


@pytest.fixture(scope="session")
def tiny_base(tiny_folder: Path) -> LoadedBase:
    return LoadedBase(tiny_folder)


@pytest.fixture(scope="session")
def peer(tiny_folder: Path) -> Any:
    """The same model as transformers has it, alone."""
    return AutoModelForCausalLM.from_pretrained(str(tiny_folder), dtype=torch.float32).eval()


@pytest.fixture
def with_stop_ids(tmp_path: Path) -> Callable[[list[int]], LoadedBase]:
    """The tiny model with more tokens that end a turn."""

    def load(ids: list[int]) -> LoadedBase:
        folder = tiny_model(tmp_path / "stopping")
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, *ids]}))
        return LoadedBase(folder)

    return load
