"""Windowed log-likelihoods against transformers' logits, computed token by token."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from outcrop.engines.scripted import Script, ScriptedEngine
from outcrop.engines.transformers import LoadedBase
from outcrop.evaluation.perplexity import scored_texts
from outcrop.metrics.perplexity import ScoredText, bits_per_byte, token_perplexity, word_perplexity
from tests.tiny_model import tiny_model

# Sums of some tens of float32 log-probabilities.
TOLERANCE = 1e-4

TEXTS = ["Granite is a coarse rock, made of quartz and feldspar.", "Gneiss: “Grüße”", "ab", "a", ""]
BOS = 1


@pytest.fixture
def with_bos(tmp_path: Path) -> Path:
    """A model whose tokenizer puts a beginning of sequence before a text."""
    folder = tiny_model(tmp_path / "bos")
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    bos = {"id": "<|im_start|>", "type_id": 0}
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": bos}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [BOS], "tokens": ["<|im_start|>"]}},
    }
    path.write_text(json.dumps(content))
    return folder


def token_by_token(folder: Path, rows: list[list[int]], context_of: Callable[[int], int]) -> list[float]:
    """Sums of log-probabilities; the token at a place sees those from ``context_of(place)`` on, in a pass alone."""
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float64).eval()
    sums = []
    for row in rows:
        each = []
        for place in range(1, len(row)):
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([row[context_of(place) : place]])).logits[0, -1]
            each.append(float(logits.log_softmax(0)[row[place]]))
        sums.append(math.fsum(each))
    return sums


def plain(folder: Path, texts: list[str]) -> list[list[int]]:
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


@pytest.mark.parametrize("window", [2, 7, 20])
def test_a_stride_of_one_is_all_the_context_that_fits(tiny_folder: Path, window: int) -> None:
    rows = plain(tiny_folder, TEXTS)
    found = scored_texts(LoadedBase(tiny_folder).engine(), TEXTS, window=window, stride=1)
    want = token_by_token(tiny_folder, rows, lambda place: max(0, place + 1 - window))
    assert [one.log_likelihood for one in found] == pytest.approx(want, abs=TOLERANCE)
    assert [one.n_tokens for one in found] == [max(0, len(row) - 1) for row in rows]
    assert [one.text for one in found] == TEXTS


@pytest.mark.parametrize(("window", "stride"), [(8, 4), (9, 8), (16, 5), (300, 150)])
def test_longer_strides_are_those_of_transformers_own_account(tiny_folder: Path, window: int, stride: int) -> None:
    # "Perplexity of fixed-length models" in its documentation: the token at a place is scored in the first window that
    # has it, and windows begin at multiples of the stride.
    def context_of(place: int) -> int:
        return max(0, math.ceil((place + 1 - window) / stride)) * stride

    found = scored_texts(LoadedBase(tiny_folder).engine(), TEXTS, window=window, stride=stride)
    want = token_by_token(tiny_folder, plain(tiny_folder, TEXTS), context_of)
    assert [one.log_likelihood for one in found] == pytest.approx(want, abs=TOLERANCE)


def test_a_beginning_of_sequence_is_there_once_and_is_not_scored(with_bos: Path) -> None:
    texts = [*TEXTS, "<|im_start|>ab"]
    rows = [[BOS, *row] for row in plain(with_bos, TEXTS)] + [[BOS, *plain(with_bos, ["ab"])[0]]]
    found = scored_texts(LoadedBase(with_bos).engine(), texts, window=400, stride=200)
    want = token_by_token(with_bos, rows, lambda _: 0)
    assert [one.log_likelihood for one in found] == pytest.approx(want, abs=TOLERANCE)
    assert [one.n_tokens for one in found] == [len(row) - 1 for row in rows]


def test_the_three_perplexities_of_a_model(tiny_folder: Path) -> None:
    rows = plain(tiny_folder, TEXTS)
    total = math.fsum(token_by_token(tiny_folder, rows, lambda _: 0))
    items = scored_texts(LoadedBase(tiny_folder).engine(), TEXTS, window=512, stride=256)
    # The texts of one token and of none have no score, so their word and byte do not count.
    tokens, words, bytes_ = sum(len(row) - 1 for row in rows[:3]), 10 + 2 + 1, 54 + 21 + 2
    for metric, want in (
        (token_perplexity("t", 512, 256), math.exp(-total / tokens)),
        (word_perplexity(512, 256), math.exp(-total / words)),
        (bits_per_byte(512, 256), -total / bytes_ / math.log(2)),
    ):
        assert metric.score(metric.prepare(items)) == pytest.approx(want, rel=1e-5)


def test_a_script_is_scored_too() -> None:
    engine = ScriptedEngine(Script(logprob_per_character=-0.5))
    assert scored_texts(engine, ["two words"], window=4, stride=2) == [ScoredText("two words", -4.5, 2)]
