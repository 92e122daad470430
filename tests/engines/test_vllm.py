"""The engine on vLLM as far as it is ours: what is asked, what is read, what is in memory when."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput, MissingExtra, NotFound, NotSupported, OurFault
from outcrop.domain.generation import GenerationParameters, LogLikelihood
from outcrop.engines import vllm_loading, vllm_requests
from outcrop.engines.draft import Draft
from outcrop.engines.encoding import Continuation
from outcrop.engines.protocol import Engine
from outcrop.engines.transformers import LoadedBase
from outcrop.engines.vllm import VllmBase
from outcrop.engines.vllm_requests import Scoring, Writing
from outcrop.models.chat import ChatTokenizer
from outcrop.testing.engines import ScoringContract, as_prompts
from tests import vllm_double
from tests.engines.test_adapters import adapter
from tests.tiny_model import CONTEXT, tiny_model

GREEDY = GenerationParameters(max_tokens=8)
TEXTS = ("Name three kinds of rock.", "Hi", "Was ist Gneis? 🏔️")


@pytest.fixture(autouse=True)
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[vllm_double.LLMEngine]]:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    yield vllm_double.install(monkeypatch)
    if VllmBase._present is not None:
        VllmBase._present.close()


class TestVllm(ScoringContract):
    @pytest.fixture(autouse=True)
    def _load(self, tiny_folder: Path) -> None:
        self.base = VllmBase(tiny_folder)

    base: VllmBase

    def make_engine(self) -> Engine:
        return self.base.engine()

    def test_it_shows_no_vectors(self) -> None:
        with pytest.raises(NotSupported, match="shows no vectors of a model that writes text"):
            self.make_engine().embed(["rock"])


def same_scores(found: list[LogLikelihood], wanted: list[LogLikelihood]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert (one.tokens, one.greedy) == (other.tokens, other.greedy)
        assert np.allclose(one.token_logprobs, other.token_logprobs, rtol=0, atol=1e-4)


def test_it_says_what_transformers_says(tiny_folder: Path, tiny_base: LoadedBase) -> None:
    engine, peer = VllmBase(tiny_folder).engine(), tiny_base.engine()
    found, wanted = (one.generate(as_prompts(TEXTS), GREEDY) for one in (engine, peer))
    assert [(one.text, one.tokens, one.prompt_tokens) for one in found] == [
        (one.text, one.tokens, one.prompt_tokens) for one in wanted
    ]
    requests = [(first, f" {second}") for first in TEXTS for second in TEXTS] + [("Granite", end) for end in "abcba"]
    same_scores(engine.loglikelihood(requests), peer.loglikelihood(requests))
    text = "a rock " * CONTEXT
    for one in (text[:CONTEXT], text[: CONTEXT - 1]):
        same_scores(engine.loglikelihood([("", one)]), peer.loglikelihood([("", one)]))
    with pytest.raises(InvalidInput, match=f"at most {CONTEXT}"):
        engine.loglikelihood([("", text)])


def test_adapters_are_asked_for_by_their_folder(
    tiny_folder: Path, tiny_base: LoadedBase, tmp_path: Path, double: type[vllm_double.LLMEngine]
) -> None:
    low = adapter(tmp_path / "low", tiny_folder, 1, ["q_proj", "v_proj"])
    high = adapter(tmp_path / "high", tiny_folder, 2, ["o_proj"], r=12)
    base, requests = VllmBase(tiny_folder), [("Granite is", " hard"), ("", "rock")]
    for folder, rank, layers in ((low, 8, ["q_proj", "v_proj"]), (high, 16, ["o_proj", "q_proj", "v_proj"])):
        same_scores(base.engine(folder).loglikelihood(requests), tiny_base.engine(folder).loglikelihood(requests))
        assert (double.arguments.max_lora_rank, double.arguments.lora_target_modules) == (rank, layers)
    assert double.loaded == 2
    same_scores(base.engine(low).loglikelihood(requests), tiny_base.engine(low).loglikelihood(requests))
    same_scores(base.engine().loglikelihood(requests), tiny_base.engine().loglikelihood(requests))
    assert double.loaded == 2, "both adapters and the base share what is in memory"


def test_adapters_that_vllm_can_not_have_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    base = VllmBase(tiny_folder)
    with pytest.raises(NotFound, match=r"adapter_config\.json is missing"):
        base.engine(tmp_path)
    with pytest.raises(NotSupported, match="rank 513; vLLM takes up to 512"):
        base.engine(adapter(tmp_path / "wide", tiny_folder, 1, ["q_proj"], r=513))
    with pytest.raises(NotSupported, match="an adapter of lm_head, with which vLLM can't score"):
        base.engine(adapter(tmp_path / "head", tiny_folder, 1, ["lm_head"]))


def test_an_adapter_that_vllm_refuses_is_named(
    tiny_folder: Path, tmp_path: Path, double: type[vllm_double.LLMEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise ValueError("vLLM does not yet support DoRA.\nmore")

    monkeypatch.setattr(double, "add_lora", refuse)
    engine = VllmBase(tiny_folder).engine(adapter(tmp_path / "one", tiny_folder, 1, ["q_proj"]))
    with pytest.raises(NotSupported, match=r"one: vLLM can't load the adapter \(vLLM does not yet support DoRA\.\)"):
        engine.generate(as_prompts(TEXTS), GREEDY)


def test_one_base_is_in_memory_at_a_time(
    tiny_folder: Path, tmp_path: Path, double: type[vllm_double.LLMEngine]
) -> None:
    first = VllmBase(tiny_folder).engine()
    second = VllmBase(tiny_model(tmp_path / "two", seed=1)).engine()
    assert double.loaded == 0, "nothing is loaded before it is used"
    before = first.generate(as_prompts(TEXTS), GREEDY)
    stream = first.stream(as_prompts(TEXTS)[0], GREEDY)
    piece = next(stream)
    assert second.generate(as_prompts(TEXTS), GREEDY) != before
    assert double.loaded == 2
    assert piece + "".join(stream) == before[0].text
    assert first.generate(as_prompts(TEXTS), GREEDY) == before
    assert double.loaded == 3


def test_scoring_beside_an_open_stream_harms_neither(tiny_folder: Path) -> None:
    engine = VllmBase(tiny_folder).engine()
    whole, requests = engine.generate(as_prompts(TEXTS)[:1], GREEDY)[0].text, [("Granite is", " hard")]
    alone = engine.loglikelihood(requests)
    stream = engine.stream(as_prompts(TEXTS)[0], GREEDY)
    piece = next(stream)
    assert engine.loglikelihood(requests) == alone
    assert piece + "".join(stream) == whole


def test_the_context_is_what_memory_leaves(tiny_folder: Path, double: type[vllm_double.LLMEngine]) -> None:
    double.room = 50
    engine = VllmBase(tiny_folder).engine()
    with pytest.raises(InvalidInput, match="expected at most 49, which is what the model's context leaves"):
        engine.plan(as_prompts(["rock " * 20]), GREEDY)
    with pytest.raises(InvalidInput, match="window: found 51"):
        engine.rolling_loglikelihood(["rock"], window=51, stride=1)


def test_it_tells_nobody_and_stays_in_this_process(tiny_folder: Path) -> None:
    os.environ["VLLM_LOGGING_LEVEL"] = "DEBUG"
    VllmBase(tiny_folder).engine().plan(as_prompts(TEXTS), GREEDY)
    assert (os.environ["VLLM_NO_USAGE_STATS"], os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"]) == ("1", "0")
    assert os.environ["VLLM_LOGGING_LEVEL"] == "DEBUG", "what the user has set stays"


@pytest.mark.parametrize(("bfloat16", "dtype"), [(True, "bfloat16"), (False, "float16")])
def test_a_gpu_is_shared_and_computes_in_half_precision(
    bfloat16: bool, dtype: str, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_loading, "has_bfloat16", lambda device: bfloat16)
    engine = vllm_double.install(monkeypatch, "cuda")
    VllmBase(tiny_folder, "cuda").engine().plan(as_prompts(TEXTS), GREEDY)
    assert (engine.arguments.dtype, engine.arguments.gpu_memory_utilization) == (dtype, 0.8)


def test_devices_that_do_not_fit_are_refused(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotSupported, match="not cuda:1: set OUTCROP_DEVICE=cuda, and CUDA_VISIBLE_DEVICES"):
        VllmBase(tiny_folder, "cuda:1")
    vllm_double.install(monkeypatch, "cuda")
    with pytest.raises(NotSupported, match="computes on cuda, not on cpu"):
        VllmBase(tiny_folder).engine().plan(as_prompts(TEXTS), GREEDY)


def test_a_model_that_vllm_refuses_is_named(
    tiny_folder: Path, double: type[vllm_double.LLMEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("the architecture is not known\nmore")

    monkeypatch.setattr(double, "from_engine_args", refuse)
    with pytest.raises(NotSupported, match=r"can't load the model \(the architecture is not known\); OUTCROP_ENGINE="):
        VllmBase(tiny_folder).engine().generate(as_prompts(TEXTS), GREEDY)


def test_without_vllm_the_extra_is_named(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'outcrop\[vllm\]'"):
        VllmBase(tiny_folder)


# What is asked, and what is read


@pytest.fixture
def tokenizer(tiny_folder: Path) -> ChatTokenizer:
    return ChatTokenizer.load(tiny_folder)


def told(**logprobs: float) -> dict[int, Any]:
    return {int(name[1:]): SimpleNamespace(logprob=value, rank=None) for name, value in logprobs.items()}


def output(tokens: list[int], logprobs: list[Any], reason: str | None = None, **others: Any) -> SimpleNamespace:
    new = SimpleNamespace(token_ids=tokens, logprobs=logprobs, finish_reason=reason)
    return SimpleNamespace(
        **({"outputs": [new], "finished": reason is not None, "prompt_logprobs": None, "num_cached_tokens": 0} | others)
    )


def test_parameters_in_vllms_words(tokenizer: ChatTokenizer) -> None:
    def asked(number: int, **given: Any) -> dict[str, Any]:
        parameters = GenerationParameters(max_tokens=9, stop=("never",), **given)
        return Writing(Draft(number, [1, 2], 5), parameters, tokenizer, watched=False).sampling

    sampled = asked(3, temperature=1, top_p=0.9, top_k=40, seed=7)
    seed = sampled.pop("seed")
    assert sampled == {
        "max_tokens": 5,
        "temperature": 1.0,
        "top_p": 0.9,
        "top_k": 40,
        "stop_token_ids": sorted(tokenizer.stop_ids),
        "logprobs": 2,
    }
    assert seed == asked(3, seed=7)["seed"]
    assert len({seed, asked(4, seed=7)["seed"], asked(3, seed=8)["seed"]}) == 3
    assert 0 <= seed < 2**63


def test_a_response_is_read_step_by_step(tokenizer: ChatTokenizer) -> None:
    a, b, c = (tokenizer.encode_text(letter)[0] for letter in "abc")
    end = min(tokenizer.stop_ids)
    draft = Draft(0, [5], 10)
    request = Writing(draft, GenerationParameters(stop=("cc",)), tokenizer, watched=True)
    request.read(output([a], [told(**{f"t{a}": -1.0, f"t{b}": -1.0005})]))
    assert (draft.text, draft.near_ties, request.done) == ("a", 1, False)
    request.read(output([c, c, b], [told(**{f"t{each}": -3.0, "t1": -0.5, "t2": -1.0}) for each in (c, c, b)]))
    assert (draft.text, draft.reason, draft.tokens) == ("a", "stop_sequence", [a, c, c])
    assert (draft.logprobs, draft.near_ties, request.done) == ([-1.0, -3.0, -3.0], 1, True)
    ended = Writing(Draft(0, [5], 10), GenerationParameters(), tokenizer, watched=False)
    ended.read(output([b, end], [told(**{f"t{each}": -0.1, "t7": -2.0}) for each in (b, end)], "stop"))
    assert (ended.draft.text, ended.draft.reason, ended.draft.tokens) == ("b", "end_turn", [b, end])


def test_a_response_that_vllm_gave_up_is_an_error(tokenizer: ChatTokenizer) -> None:
    with pytest.raises(OurFault, match=r"prompt 6: vLLM ended the response too early \(abort\)"):
        Writing(Draft(6, [5], 10), GREEDY, tokenizer, watched=False).read(output([], [], "abort"))
    with pytest.raises(OurFault, match=r"too early \(error\)"):
        Scoring((5, 6)).read(output([], [], "error"))


def test_continuations_are_read_from_the_prompt_and_what_comes_after() -> None:
    request = Scoring((5, 6, 7, 8))
    one, other = Continuation([5, 6, 7, 8, 9], 2), Continuation([5, 6, 7, 8, 4], 4)
    request.add(other)
    assert "prompt_logprobs" not in request.sampling, "what is not wanted may come from memory"
    request.add(one)
    request.add(one)
    assert request.sampling == {
        "max_tokens": 1,
        "temperature": 0.0,
        "logprob_token_ids": [4, 9],
        "prompt_logprobs": 0,
    }
    read = [None, *({token: SimpleNamespace(logprob=-token / 10, rank=token - 6)} for token in (6, 7, 8))]
    request.read(output([], [], prompt_logprobs=read))
    assert not request.done
    request.read(output([9], [told(t9=-0.25, t4=-3.0)], "length", num_cached_tokens=1))
    assert (request.done, request.cells) == (True, 3)
    assert request.result(one) == LogLikelihood(-0.7 - 0.8 - 0.25, 3, False, (-0.7, -0.8, -0.25))
    assert request.result(other) == LogLikelihood(-3.0, 1, False, (-3.0,))
    assert request.result(Continuation([5, 6, 7, 8, 9], 4)).greedy


def test_no_more_choices_than_vllm_tells(
    tiny_folder: Path, tiny_base: LoadedBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Scoring((5,))
    for number in range(128):
        assert not full.full
        full.add(Continuation([5, number], 1))
    assert full.full
    monkeypatch.setattr(vllm_requests, "_MOST_WANTED", 4)
    requests = [("Granite is", letter) for letter in "abcdefghijabc"]
    same_scores(VllmBase(tiny_folder).engine().loglikelihood(requests), tiny_base.engine().loglikelihood(requests))
