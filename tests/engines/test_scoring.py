"""Scoring by a tree of tokens against scoring request by request."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    FalconConfig,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    Lfm2Config,
    MistralConfig,
    Qwen3Config,
)

from outcrop.domain.generation import LogLikelihood
from outcrop.engines.planning import Limits
from outcrop.engines.transformers import LoadedBase, TransformersEngine
from outcrop.testing.engines import LOGPROB_TOLERANCE
from tests.tiny_model import CONTEXT, tiny_model

Requests = list[tuple[str, str]]


def few_shot(seed: int = 0) -> Requests:
    """Contexts that share a long beginning; choices of a token and of more, some of which begin others."""
    source = random.Random(seed)
    shots = "".join(source.choices("abcdefgh ", k=60))
    requests = []
    for _ in range(8):
        context = shots + "".join(source.choices("abc", k=source.randint(0, 50)))
        requests += [(context, choice) for choice in ("a", "b", "ab", "abba", "ab" * source.randint(1, 9), "")]
    return [*requests, ("", "granite"), ("", "g"), *requests[:3]]


def alone(engine: TransformersEngine, requests: Requests) -> list[LogLikelihood]:
    return [engine.loglikelihood([request])[0] for request in requests]


def same(some: list[LogLikelihood], others: list[LogLikelihood]) -> bool:
    assert [one.tokens for one in some] == [one.tokens for one in others]
    assert [one.greedy for one in some] == [one.greedy for one in others]
    pairs = zip(some, others, strict=True)
    return all(np.allclose(a.token_logprobs, b.token_logprobs, rtol=0, atol=LOGPROB_TOLERANCE) for a, b in pairs)


@pytest.mark.parametrize("budget", [8, 100, 300, 16_384])
def test_a_tree_scores_as_each_request_alone(budget: int, tiny_folder: Path) -> None:
    engine = LoadedBase(tiny_folder, limits=Limits(tokens=budget)).engine()
    requests = few_shot()
    assert engine._network.runs_trees(CONTEXT)
    assert same(engine.loglikelihood(requests), alone(engine, requests))


def test_choices_of_one_token_cost_their_context(tiny_base: LoadedBase) -> None:
    engine, context = tiny_base.engine(), "granite is" * 5
    engine.loglikelihood([(context, choice) for choice in "abcd"])
    assert engine._tally.trie_cells == engine._tally.trie_nodes == len(context)


def test_figures_tell_what_had_to_run(tiny_folder: Path) -> None:
    engine = LoadedBase(tiny_folder).engine()
    assert engine.figures()["trie_efficiency"] == 1
    engine.loglikelihood([("granite", " is hard"), ("granite", " is old"), ("granite", " is old")])
    assert engine._tally.trie_nodes == len("granite is har") + len("ol")
    assert engine.figures()["trie_efficiency"] == 1
    assert engine.figures()["trie_tokens"] == len("granite is har") + 2 * len("granite is ol")
    assert engine.figures()["trie_padding"] == 0
    small = LoadedBase(tiny_folder, limits=Limits(tokens=12)).engine()
    small.loglikelihood([("granite", "soft"), ("granite", "hard")])
    assert small.figures()["trie_efficiency"] == 13 / 20, "a beginning too short to be kept ran twice"


def family(folder: Path, config: Any) -> LoadedBase:
    """A tiny random model of another architecture, with the tokenizer of the tiny Llama."""
    tiny_model(folder)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        AutoModelForCausalLM.from_config(config).save_pretrained(str(folder))
    return LoadedBase(folder, limits=Limits(rows=5, tokens=300))


SIZES: dict[str, Any] = {
    "vocab_size": 259,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "initializer_range": 0.3,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
FALCON = {"vocab_size": 259, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "alibi": True}
GPT = {"vocab_size": 259, "n_embd": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.3, "n_positions": CONTEXT}
FAMILIES = {
    "qwen3": (Qwen3Config(**SIZES), True),
    "gpt-neox": (GPTNeoXConfig(**{key: SIZES[key] for key in SIZES if key != "head_dim"}), True),
    "gpt2": (GPT2Config(**GPT, bos_token_id=1, eos_token_id=2), True),
    "mistral": (MistralConfig(**SIZES, sliding_window=None), True),
    "mistral, sliding": (MistralConfig(**SIZES, sliding_window=9), False),
    "gemma3": (Gemma3TextConfig(**SIZES, sliding_window=9), False),
    "falcon, alibi": (FalconConfig(**FALCON), False),
    "lfm2": (Lfm2Config(**{**SIZES, "layer_types": ["conv", "full_attention"]}), False),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_scores_as_each_request_alone(name: str, tmp_path: Path) -> None:
    config, in_trees = FAMILIES[name]
    engine = family(tmp_path / "model", config).engine()
    requests = few_shot()
    assert engine._network.runs_trees(120) == in_trees
    assert same(engine.loglikelihood(requests), alone(engine, requests))


def test_padding_is_counted_where_no_trees_run(tmp_path: Path) -> None:
    engine = family(tmp_path / "model", FAMILIES["falcon, alibi"][0]).engine()
    engine.loglikelihood([("granite", " is hard"), ("slate", " splits"), ("slate", " splits")])
    figures, lengths = engine.figures(), (len("granite is har"), len("slate split"))
    assert figures["trie_padding"] == lengths[0] - lengths[1]
    assert figures["trie_cells"] == 2 * lengths[0]
    assert figures["trie_tokens"] == lengths[0] + 2 * lengths[1]


def test_an_adapter_scores_as_each_request_alone(tiny_folder: Path, tmp_path: Path) -> None:
    plain = AutoModelForCausalLM.from_pretrained(str(tiny_folder), dtype=torch.float32)
    adapted = get_peft_model(plain, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    adapted.save_pretrained(str(tmp_path))
    base = LoadedBase(tiny_folder, limits=Limits(tokens=200))
    engine, requests = base.engine(tmp_path), few_shot()
    found = engine.loglikelihood(requests)
    assert same(found, alone(engine, requests))
    assert not np.allclose(found[0].token_logprobs, base.engine().loglikelihood(requests)[0].token_logprobs)


def test_generation_after_scoring_is_as_before(tiny_base: LoadedBase) -> None:
    from outcrop.domain.generation import GenerationParameters
    from outcrop.testing.engines import as_prompts

    engine, parameters = tiny_base.engine(), GenerationParameters(max_tokens=8)
    before = engine.generate(as_prompts(["granite", "slate"]), parameters)
    engine.loglikelihood(few_shot())
    assert engine.generate(as_prompts(["granite", "slate"]), replace(parameters)) == before
