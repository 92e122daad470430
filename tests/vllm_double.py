"""A stand-in for the part of vLLM that is used, for tests where it is not installed.

It computes with transformers, one request after another, and takes and gives what vLLM 0.32 does, its limits and its
one trap included. ``tests/engines/test_vllm_real.py`` holds the same promises against vLLM itself.
"""

from __future__ import annotations

import enum
import sys
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


class OutputKind(enum.Enum):
    DELTA = 1


@dataclass
class SamplingParams:
    """The arguments that are used; any other is an error, as it is with vLLM."""

    max_tokens: int
    detokenize: bool
    ignore_eos: bool
    output_kind: OutputKind
    temperature: float
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop_token_ids: list[int] = field(default_factory=list)
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    logprob_token_ids: list[int] | None = None

    def __post_init__(self) -> None:
        assert not self.detokenize, "there is no tokenizer to do it with"
        assert len(self.logprob_token_ids or []) <= 128


@dataclass(frozen=True)
class LoRARequest:
    name: str
    number: int
    path: str


@dataclass
class Open:
    """A request on its way."""

    prompt: list[int]
    sampling: SamplingParams
    model: Any
    generator: torch.Generator
    tokens: list[int] = field(default_factory=list)


class LLMEngine:
    """One model; ``loaded`` counts how often one was read, ``arguments`` are those of the last time."""

    loaded = 0
    arguments: SimpleNamespace
    #: What the memory has room for, where it is less than the model takes.
    room = 10**9

    @classmethod
    def from_engine_args(cls, arguments: SimpleNamespace, usage_context: object) -> LLMEngine:
        cls.loaded += 1
        cls.arguments = arguments
        return cls(arguments)

    def __init__(self, arguments: SimpleNamespace) -> None:
        self._folder = arguments.model
        self._plain = self._read()
        longest = min(self._plain.config.max_position_embeddings, self.room)
        self.model_config = SimpleNamespace(max_model_len=longest)
        self.engine_core = SimpleNamespace(shutdown=lambda: None)
        self._adapters: dict[int, Any] = {}
        self._open: dict[str, Open] = {}

    def _read(self) -> Any:
        return AutoModelForCausalLM.from_pretrained(self._folder, dtype=torch.float32).eval()

    def reset_prefix_cache(self) -> bool:
        return not self._open

    def add_lora(self, adapter: LoRARequest) -> bool:
        if adapter.number not in self._adapters:
            self._adapters[adapter.number] = PeftModel.from_pretrained(self._read(), adapter.path).eval()
        return True

    def add_request(
        self, name: str, prompt: dict[str, list[int]], sampling: SamplingParams, lora_request: LoRARequest | None
    ) -> None:
        tokens = prompt["prompt_token_ids"]
        assert len(tokens) < self.model_config.max_model_len, "vLLM wants room for a token after the prompt"
        model = self._plain if lora_request is None else self._adapters[lora_request.number]
        generator = torch.Generator().manual_seed(0 if sampling.seed is None else sampling.seed)
        self._open[name] = Open(tokens, sampling, model, generator)

    def abort_request(self, names: list[str]) -> None:
        for name in names:
            del self._open[name]

    def step(self) -> list[SimpleNamespace]:
        trap = any(each.sampling.logprob_token_ids for each in self._open.values())
        outputs = [self._output(name, each, trap=trap) for name, each in self._open.items()]
        for output in outputs:
            if output.finished:
                del self._open[output.request_id]
        return outputs

    def _output(self, name: str, asked: Open, *, trap: bool) -> SimpleNamespace:
        sampling, row = asked.sampling, [*asked.prompt, *asked.tokens]
        with torch.no_grad():
            table = torch.log_softmax(asked.model(input_ids=torch.tensor([row])).logits[0].double(), dim=-1)
        token = _chosen(table[-1], sampling, asked.generator)
        told = [token, *(sampling.logprob_token_ids or [])]
        if sampling.logprobs and not trap:
            told += table[-1].topk(sampling.logprobs).indices.tolist()
        first = not asked.tokens
        asked.tokens.append(token)
        ends = token in sampling.stop_token_ids
        reason = "stop" if ends else "length" if len(asked.tokens) == sampling.max_tokens else None
        new = SimpleNamespace(
            token_ids=[token],
            logprobs=[{each: SimpleNamespace(logprob=float(table[-1, each]), rank=None) for each in told}],
            finish_reason=reason,
        )
        read = _of_prompt(table, asked.prompt) if first and sampling.prompt_logprobs is not None else None
        return SimpleNamespace(
            request_id=name, outputs=[new], finished=reason is not None, prompt_logprobs=read, num_cached_tokens=0
        )


def _of_prompt(table: torch.Tensor, prompt: list[int]) -> list[dict[int, SimpleNamespace] | None]:
    ranks = [int((row >= row[token]).sum()) for row, token in zip(table, prompt[1:], strict=False)]
    values = [float(row[token]) for row, token in zip(table, prompt[1:], strict=False)]
    each = zip(prompt[1:], values, ranks, strict=True)
    return [None, *({token: SimpleNamespace(logprob=value, rank=rank)} for token, value, rank in each)]


def _chosen(logprobs: torch.Tensor, sampling: SamplingParams, generator: torch.Generator) -> int:
    if sampling.temperature == 0:
        return int(logprobs.argmax())
    kept = logprobs.topk(sampling.top_k or len(logprobs))
    weights = torch.softmax(kept.values / sampling.temperature, dim=0)
    weights[weights.cumsum(0) - weights >= sampling.top_p] = 0
    return int(kept.indices[torch.multinomial(weights, 1, generator=generator)])


def install(patch: pytest.MonkeyPatch, device: str = "cpu") -> type[LLMEngine]:
    """Put the stand-in where vLLM is imported from; the class of its engine, fresh."""
    engine = type("LLMEngine", (LLMEngine,), {})
    contents: dict[str, dict[str, Any]] = {
        "vllm": {"EngineArgs": SimpleNamespace, "LLMEngine": engine, "SamplingParams": SamplingParams},
        "vllm.sampling_params": {"RequestOutputKind": OutputKind},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": LoRARequest},
        "vllm.platforms": {"current_platform": SimpleNamespace(device_type=device)},
        "vllm.usage": {},
        "vllm.usage.usage_lib": {"UsageContext": SimpleNamespace(LLM_CLASS="LLM_CLASS")},
        "vllm.distributed": {},
        "vllm.distributed.parallel_state": {"cleanup_dist_env_and_memory": lambda: None},
    }
    for name, values in contents.items():
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None, is_package=True)
        vars(module).update(values)
        patch.setitem(sys.modules, name, module)
    return engine
