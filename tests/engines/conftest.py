from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from outcrop.engines.planning import Limits
from outcrop.engines.transformers import LoadedBase
from tests.tiny_model import tiny_model


@pytest.fixture(scope="session")
def tiny_base(tiny_folder: Path) -> LoadedBase:
    return LoadedBase(tiny_folder)


@pytest.fixture(scope="session")
def peer(tiny_folder: Path) -> Any:
    """The same model as transformers has it, alone."""
    return AutoModelForCausalLM.from_pretrained(str(tiny_folder), dtype=torch.float32).eval()


@pytest.fixture
def with_stop_ids(tmp_path: Path) -> Callable[..., LoadedBase]:
    """The tiny model with more tokens that end a turn."""

    def load(ids: list[int], limits: Limits = Limits()) -> LoadedBase:  # noqa: B008 - a frozen value
        folder = tiny_model(tmp_path / "stopping")
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, *ids]}))
        return LoadedBase(folder, limits=limits)

    return load
