"""How vLLM is set up and reads a model."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.domain.errors import NotSupported
from outcrop.engines.adapters import adapted_layers, read_adapter
from outcrop.models.device import has_bfloat16
from outcrop.models.quiet import quiet_transformers

# Encoders and classifiers of the same job need room beside the model; on a CPU, so does everything else.
_GPU_SHARE = 0.8
_CPU_CACHE = 2 << 30

# The ranks of adapters that vLLM can make room for.
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)

# With adapters of the head, vLLM 0.32 fails where log-probabilities of a prompt are asked for.
_HEAD = frozenset({"lm_head", "embed_tokens"})

# In this process: in one of its own, steps would depend on when requests reach it. And it is to tell nobody of its use.
_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
}


@dataclass(frozen=True)
class Adapting:
    """What vLLM gets ready for when it loads a base: adapters of up to a rank (0 is none) that change such layers."""

    rank: int = 0
    layers: frozenset[str] = frozenset()

    def and_for(self, folder: Path) -> Adapting:
        """Ready for one more adapter.

        Raises:
            NotFound: The folder holds no adapter.
            NotSupported: The adapter is of another kind than LoRA, changes the base's biases or its head, or has too
                high a rank.
        """
        config, layers = read_adapter(folder), adapted_layers(folder)
        rank = max([config.r, *(config.rank_pattern or {}).values()])
        room = next((most for most in _RANKS if most >= rank), None)
        if room is None:
            raise NotSupported(f"{folder}: an adapter of rank {rank}; vLLM takes up to {_RANKS[-1]}")
        if layers & _HEAD:
            named = ", ".join(sorted(layers & _HEAD))
            raise NotSupported(
                f"{folder}: an adapter of {named}, with which vLLM can't score; use the engine transformers"
            )
        return Adapting(max(room, self.rank), layers | self.layers)

    @property
    def arguments(self) -> dict[str, Any]:
        """As arguments of vLLM's ``EngineArgs``."""
        if not self.rank:
            return {}
        return {"enable_lora": True, "max_lora_rank": self.rank, "lora_target_modules": sorted(self.layers)}


def load_vllm(folder: Path, device: str, adapting: Adapting) -> Any:
    """A vLLM with a model in it, ready for adapters.

    Raises:
        NotSupported: The installed vLLM computes elsewhere, or can't load the model.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from vllm import EngineArgs, LLMEngine
    from vllm.platforms import current_platform
    from vllm.usage.usage_lib import UsageContext

    if current_platform.device_type != device:
        found = current_platform.device_type or "nothing that is here"
        raise NotSupported(
            f"the vLLM that is installed computes on {found}, not on {device}: install the one for it, or set "
            "OUTCROP_DEVICE or OUTCROP_ENGINE"
        )
    try:
        with quiet_transformers():
            return LLMEngine.from_engine_args(
                EngineArgs(
                    model=str(folder),
                    skip_tokenizer_init=True,
                    load_format="safetensors",
                    generation_config="vllm",
                    max_model_len=-1,
                    use_tqdm_on_load=False,
                    disable_log_stats=True,
                    **_room(device),
                    **adapting.arguments,
                ),
                usage_context=UsageContext.LLM_CLASS,
            )
    except (ValueError, RuntimeError, OSError) as error:
        raise NotSupported(
            f"{folder}: vLLM can't load the model ({first_line(error)}); OUTCROP_ENGINE=transformers may"
        ) from error


def _room(device: str) -> dict[str, Any]:
    """Number format and memory. On a GPU, vLLM's kernels for adapters take no float32."""
    if device == "cpu":
        # To compile a model takes longer than most of what is done on a CPU.
        return {"dtype": "float32", "kv_cache_memory_bytes": _CPU_CACHE, "enforce_eager": True}
    dtype = "bfloat16" if has_bfloat16(device) else "float16"
    return {"dtype": dtype, "gpu_memory_utilization": _GPU_SHARE}


def first_line(error: Exception) -> str:
    """What an error of vLLM's says at first; the name of its kind where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
