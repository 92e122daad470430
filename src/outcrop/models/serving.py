"""Whether other servers will load an adapter, said when it is exported and not when it fails there."""

from __future__ import annotations

from pathlib import Path

from outcrop.models.merging import read_adapter_config
from outcrop.models.reading import StoredWeights

#: The ranks for which vLLM has room (its option ``--max-lora-rank``), and the one that it has room for unasked.
VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
VLLM_DEFAULT_RANK = 16


def serving_warnings(adapter: Path) -> tuple[str, ...]:
    """Why servers may refuse an adapter, and what to do: one sentence each; none for one that loads everywhere.

    vLLM takes plain LoRA: no bias, no whole modules beside it, no DoRA, and a rank up to its ``--max-lora-rank``
    (vllm/lora/peft_helper.py; https://docs.vllm.ai, "LoRA Adapters").

    Raises:
        NotSupported: The adapter's files can't be read.
    """
    config = read_adapter_config(adapter)
    rank = max((shape[0] for name, shape in StoredWeights(adapter).shapes().items() if ".lora_A." in name), default=0)
    found = []
    if rank > VLLM_RANKS[-1]:
        found.append(f"its rank {rank} is more than vLLM loads ({VLLM_RANKS[-1]}); export it merged")
    elif rank > VLLM_DEFAULT_RANK:
        room = next(size for size in VLLM_RANKS if size >= rank)
        found.append(
            f"vLLM refuses rank {rank} unless it is started with --max-lora-rank {room} (without: {VLLM_DEFAULT_RANK})"
        )
    if config.get("bias", "none") != "none" or config.get("lora_bias"):
        found.append("it trains biases, and vLLM refuses adapters with a bias; export it merged")
    if config.get("modules_to_save"):
        names = ", ".join(config["modules_to_save"])
        found.append(f"it holds whole modules ({names}: modules_to_save), which vLLM refuses; export it merged")
    if config.get("use_dora"):
        found.append("it is DoRA, which vLLM refuses; export it merged")
    return tuple(found)
