"""Scores and responses against lm-eval's, found in an environment of its own; see ``fixtures/engines``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from outcrop.domain.generation import GenerationParameters, Response
from outcrop.engines.transformers import LoadedBase
from outcrop.models.chat import ChatTokenizer
from outcrop.models.network import load_network
from outcrop.testing.engines import as_prompts
from tests.conftest import EXAMPLE

FIXTURE = Path(__file__).parents[1] / "fixtures" / "engines" / "lm_eval.json"

# What lm-eval sums in float32 is the log-probability of a whole continuation.
TOLERANCE = 1e-4
#: The two best tokens may change places where their logits lie closer than this.
NEAR_TIE = 1e-3

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def peer() -> Any:
    return json.loads(FIXTURE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def records() -> list[dict[str, str]]:
    return [json.loads(line) for line in (EXAMPLE / "test.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def base(real_model_folder: Path) -> LoadedBase:
    return LoadedBase(real_model_folder)


def description(record: dict[str, str]) -> str:
    return record["prompt"].partition("\n\n")[2]


def test_choices_have_lm_evals_log_likelihoods(peer: Any, records: list[dict[str, str]], base: LoadedBase) -> None:
    items = peer["items"]
    assert len(items) == 200
    requests = [
        (
            peer["context"].format(description(records[item["record"]])),
            peer["choice"].format(records[place]["referenceResponse"]),
        )
        for item in items
        for place in item["choices"]
    ]
    engine = base.engine()
    answers = iter(engine.loglikelihood(requests))
    for item in items:
        own = [next(answers) for _ in item["choices"]]
        found, want = [answer.logprob for answer in own], item["logprobs"]
        assert max(abs(a - b) for a, b in zip(found, want, strict=True)) < TOLERANCE
        assert found.index(max(found)) == want.index(max(want)), "the same choice"
        assert [answer.greedy for answer in own] == item["greedy"]
    assert engine.figures()["trie_efficiency"] > 0.99


def test_responses_are_lm_evals_but_for_near_ties(
    peer: Any, records: list[dict[str, str]], base: LoadedBase, real_model_folder: Path
) -> None:
    prompts = as_prompts([record["prompt"] for record in records[: len(peer["generations"])]])
    assert len(prompts) == 100
    responses = base.engine().generate(prompts, GenerationParameters(max_tokens=peer["max_tokens"]))
    differ = [
        (prompt, response, text)
        for prompt, response, text in zip(prompts, responses, peer["generations"], strict=True)
        if response.text != text
    ]
    assert len(differ) <= 2, "near ties are rare"
    tokenizer = ChatTokenizer.load(real_model_folder)
    for prompt, response, text in differ:
        gap = first_gap(real_model_folder, tokenizer, tokenizer.encode_prompt(prompt.messages), response, text)
        print(f"prompt {prompt.number}: {response.text!r}, lm-eval {text!r}, gap {gap:.1e}")
        assert gap < NEAR_TIE


def first_gap(folder: Path, tokenizer: ChatTokenizer, prompt: list[int], response: Response, text: str) -> float:
    """How far the two best logits lie apart where a response leaves another text."""
    kept = [
        place for place in range(len(response.tokens)) if text.startswith(tokenizer.decode(response.tokens[:place]))
    ]
    tokens = torch.tensor([[*prompt, *response.tokens[: kept[-1]]]])
    network = load_network(folder)
    with torch.no_grad():
        states = network.hidden(tokens, None, torch.arange(tokens.shape[1])[None])
        best = network.head(states[:, -1])[0].topk(2).values
    return float(best[0] - best[1])


def test_whole_texts_have_lm_evals_log_likelihoods(peer: Any, records: list[dict[str, str]], base: LoadedBase) -> None:
    assert any(case["window"] >= 512 for case in peer["rolling"])
    for case in peer["rolling"]:
        # lm-eval begins a text with this token, which the tokenizer itself does not put there.
        text = "<|im_start|>" + "\n".join(description(record) for record in records[: case["records"]])
        size = case["window"] + 1
        answer = base.engine().rolling_loglikelihood([text], window=size, stride=size - 1, full_last=True)[0]
        # Sums of some hundred tokens.
        assert answer.logprob == pytest.approx(case["logprob"], rel=1e-6, abs=TOLERANCE)
