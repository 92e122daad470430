from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop.models.serving import serving_warnings
from tests.models.exports import adapter


def altered(folder: Path, **settings: Any) -> Path:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | settings), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("rank", "words"),
    [
        (1, None),
        (16, None),
        (17, "vLLM refuses rank 17 unless it is started with --max-lora-rank 32 (without: 16)"),
        (64, "vLLM refuses rank 64 unless it is started with --max-lora-rank 64 (without: 16)"),
    ],
)
def test_pain_19_the_rank_that_a_server_has_room_for(
    tiny_folder: Path, tmp_path: Path, rank: int, words: str | None
) -> None:
    found = serving_warnings(adapter(tiny_folder, tmp_path / "adapter", rank=rank))
    assert found == (() if words is None else (words,))


def test_pain_19_what_servers_refuse(tiny_folder: Path, tmp_path: Path) -> None:
    made = adapter(tiny_folder, tmp_path / "adapter")
    assert serving_warnings(altered(made, modules_to_save=["lm_head"])) == (
        "it holds whole modules (lm_head: modules_to_save), which vLLM refuses; export it merged",
    )
    bias, dora = serving_warnings(altered(made, modules_to_save=None, bias="lora_only", use_dora=True))
    assert bias == "it trains biases, and vLLM refuses adapters with a bias; export it merged"
    assert dora == "it is DoRA, which vLLM refuses; export it merged"


def test_pain_19_a_rank_beyond_all(tiny_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    made = adapter(tiny_folder, tmp_path / "adapter")
    file = made / "adapter_model.safetensors"
    save_file(
        {name: tensor.repeat(40, 1) if "lora_A" in name else tensor for name, tensor in load_file(file).items()}, file
    )
    assert serving_warnings(made) == ("its rank 640 is more than vLLM loads (512); export it merged",)
