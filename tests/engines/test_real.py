"""The promises on a model of real size and real text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from outcrop.domain.generation import GenerationParameters
from outcrop.engines.transformers import LoadedBase
from outcrop.models.chat import ChatTokenizer
from outcrop.testing.engines import LOGPROB_TOLERANCE, as_prompts

QUESTIONS = (
    "Name three kinds of rock.",
    "Summarise in one sentence: granite is a coarse rock that forms when magma cools slowly below the surface.",
    "Was ist Gneis? 🏔️",
)


@pytest.mark.real
def test_greedy_text_is_that_of_transformers(real_model_folder: Path) -> None:
    engine, tokenizer = LoadedBase(real_model_folder).engine(), ChatTokenizer.load(real_model_folder)
    peer = AutoModelForCausalLM.from_pretrained(str(real_model_folder), dtype=torch.float32).eval()
    prompts = as_prompts(QUESTIONS)
    for prompt, response in zip(prompts, engine.generate(prompts, GenerationParameters(max_tokens=32)), strict=True):
        tokens = tokenizer.encode_prompt(prompt.messages)
        want = peer.generate(torch.tensor([tokens]), max_new_tokens=32, do_sample=False)[0, len(tokens) :].tolist()
        assert list(response.tokens) == want


@pytest.mark.real
def test_one_row_or_thirty_two(real_model_folder: Path) -> None:
    engine = LoadedBase(real_model_folder).engine()
    texts = [f"{question} Answer {number}: " + "so " * number for number in range(11) for question in QUESTIONS]
    prompts = as_prompts(texts[:32])
    parameters = GenerationParameters(max_tokens=16)
    together = engine.generate(prompts, parameters)
    for prompt, one in zip(prompts[::4], together[::4], strict=True):
        alone = engine.generate([prompt], parameters)[0]
        if not (one.near_ties or alone.near_ties):
            assert one.tokens == alone.tokens
            assert np.abs(np.subtract(one.logprobs, alone.logprobs)).max() < LOGPROB_TOLERANCE
