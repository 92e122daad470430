"""The promises of ``Engine`` as tests.

A test module subclasses ``EngineContract``, says how its engine is made, and gets a test per promise:

    class TestMine(EngineContract):
        def make_engine(self) -> Engine:
            return MyEngine(...)
"""

# The name of a test says what is promised.
# ruff: noqa: D102

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.domain.records import Message, Role
from outcrop.engines.protocol import Engine

#: How far batch mates may move a log-probability (float32), and an entry of an embedding.
LOGPROB_TOLERANCE = 1e-4
EMBEDDING_TOLERANCE = 1e-5

_TEXTS = (
    "Name three kinds of rock.",
    "Hi",
    "Why does granite weather more slowly than limestone where the rain is a little acid, and what is left of both?",
    "Grüße aus dem Gebirge 🏔️ – 山の石",
    "1 2 3 4 5 6 7 8 9 10 11",
    "An outcrop is where bedrock comes to the surface.",
    "What is gneiss, and what was it before?",
)


def as_prompts(texts: Sequence[str], first: int = 0) -> list[Prompt]:
    """Each text as a conversation of one user message, numbered from ``first``."""
    return [Prompt(first + place, (Message(Role.USER, text),)) for place, text in enumerate(texts)]


def streamed(engine: Engine, prompt: Prompt, parameters: GenerationParameters) -> tuple[list[str], Response]:
    """The pieces of a stream, and the response that it returns."""
    stream, pieces = engine.stream(prompt, parameters), []
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            response: Response = end.value
            return pieces, response


class GenerationContract:
    """What every engine promises of responses."""

    #: A prompt longer than the engine's context.
    too_long = "word " * 20_000
    #: Parameters of the tests; greedy.
    parameters = GenerationParameters(max_tokens=12)
    #: The same, sampled.
    sampled = GenerationParameters(max_tokens=12, temperature=0.9, top_k=40, top_p=0.95, seed=3)
    #: Whether each token's log-probability is told.
    tells_logprobs = True

    def make_engine(self) -> Engine:
        """A new engine; each test calls it at least once."""
        raise NotImplementedError

    def test_a_plan_holds_every_prompt_once(self) -> None:
        prompts = as_prompts(_TEXTS * 7, first=100)
        plan = self.make_engine().plan(prompts, self.parameters)
        planned = sorted(itertools.chain.from_iterable(plan))
        assert planned == [prompt.number for prompt in prompts]
        assert all(plan), "no batch is empty"

    def test_a_plan_is_a_pure_function(self) -> None:
        prompts = as_prompts(_TEXTS * 7)
        used, fresh = self.make_engine(), self.make_engine()
        used.generate(prompts[:2], self.parameters)
        assert used.plan(prompts, self.parameters) == fresh.plan(prompts, self.parameters)

    def test_each_response_says_how_long_it_took(self) -> None:
        engine = self.make_engine()
        began = time.perf_counter()
        responses = engine.generate(as_prompts(_TEXTS), self.parameters)
        seconds = time.perf_counter() - began
        assert all(response.latency is not None and 0 < response.latency <= seconds for response in responses)

    def test_nothing_to_answer(self) -> None:
        engine = self.make_engine()
        assert engine.plan([], self.parameters) == []
        assert engine.generate([], self.parameters) == []

    def test_prompts_without_room_are_named_all_at_once(self) -> None:
        prompts = as_prompts([self.too_long, "Hi", self.too_long], first=40)
        for refused in (self.make_engine().plan, self.make_engine().generate):
            text = _refusal(refused, prompts, self.parameters)
            assert "40" in text
            assert "42" in text
            assert "2 faults" in text

    def test_parameters_out_of_range_are_refused(self) -> None:
        wrong = replace(self.parameters, max_tokens=0, top_p=0.0)
        text = _refusal(self.make_engine().plan, as_prompts(["Hi"]), wrong)
        assert "max_tokens" in text
        assert "top_p" in text

    def test_responses_come_in_the_order_of_the_prompts(self) -> None:
        prompts = list(reversed(as_prompts(_TEXTS, first=7)))
        responses = self.make_engine().generate(prompts, self.parameters)
        assert [response.number for response in responses] == [prompt.number for prompt in prompts]

    def test_a_response_agrees_with_itself(self) -> None:
        for response in self.make_engine().generate(as_prompts(_TEXTS), self.parameters):
            assert response.stop_reason in {"end_turn", "stop_sequence", "max_tokens"}
            assert 1 <= len(response.tokens) <= self.parameters.max_tokens
            assert len(response.logprobs) == (len(response.tokens) if self.tells_logprobs else 0)
            assert all(math.isfinite(logprob) and logprob <= 1e-6 for logprob in response.logprobs)
            assert response.prompt_tokens >= 1
            assert 0 <= response.near_ties <= len(response.tokens)

    def test_max_tokens_ends_a_response(self) -> None:
        one = replace(self.parameters, max_tokens=1)
        responses = self.make_engine().generate(as_prompts(_TEXTS), one)
        assert all(len(response.tokens) == 1 for response in responses if response.stop_reason == "max_tokens")
        assert any(response.stop_reason == "max_tokens" for response in responses)

    def test_the_same_batch_gives_the_same_responses(self) -> None:
        prompts = as_prompts(_TEXTS)
        for parameters in (self.parameters, self.sampled):
            engine = self.make_engine()
            first = engine.generate(prompts, parameters)
            assert engine.generate(prompts, parameters) == first
            assert self.make_engine().generate(prompts, parameters) == first

    def test_batch_mates_change_next_to_nothing(self) -> None:
        engine, prompts = self.make_engine(), as_prompts(_TEXTS)
        for parameters in (self.parameters, self.sampled):
            together = engine.generate(prompts, parameters)
            for prompt, one in zip(prompts, together, strict=True):
                _same_but_for_near_ties(one, engine.generate([prompt], parameters)[0])

    def test_a_response_ends_before_a_stop_sequence(self) -> None:
        engine, prompts = self.make_engine(), as_prompts(_TEXTS)
        free = engine.generate(prompts, self.parameters)
        stop = next(response.text[1:3] for response in free if len(response.text.strip()) > 3)
        stopped = engine.generate(prompts, replace(self.parameters, stop=(stop, "never written by any model")))
        assert any(response.stop_reason == "stop_sequence" for response in stopped)
        for whole, response in zip(free, stopped, strict=True):
            assert response.text == whole.text.split(stop)[0]
            assert response.tokens == whole.tokens[: len(response.tokens)]
            assert (response.stop_reason == "stop_sequence") == (stop in whole.text)

    def test_a_stream_joined_is_the_text(self) -> None:
        engine = self.make_engine()
        for prompt in as_prompts(_TEXTS):
            whole = engine.generate([prompt], self.parameters)[0].text
            for parameters in (self.parameters, self.sampled, *self._stops(whole)):
                pieces, last = streamed(engine, prompt, parameters)
                assert all(pieces), "no piece is empty"
                found = engine.generate([prompt], parameters)[0]
                assert "".join(pieces) == last.text == found.text
                assert last.number == found.number

    def test_a_prompt_is_counted_as_it_is_read(self) -> None:
        engine, prompts = self.make_engine(), as_prompts(_TEXTS)
        responses = engine.generate(prompts, self.parameters)
        try:
            assert [engine.count(prompt) for prompt in prompts] == [each.prompt_tokens for each in responses]
        except NotSupported as error:
            assert "can't be counted" in str(error)  # noqa: PT017 - an engine counts, or says why not

    def test_a_stream_can_be_left(self) -> None:
        engine, prompt = self.make_engine(), as_prompts(_TEXTS)[2]
        before = engine.generate([prompt], self.parameters)
        next(engine.stream(prompt, self.parameters), None)
        assert engine.generate([prompt], self.parameters) == before

    def test_figures_count_the_work(self) -> None:
        engine = self.make_engine()
        responses = engine.generate(as_prompts(_TEXTS), self.parameters)
        figures = engine.figures()
        assert figures["tokens"] == sum(len(response.tokens) for response in responses)
        assert figures["prompt_tokens"] == sum(response.prompt_tokens for response in responses)
        assert 0 <= figures["padding_share"] < 1
        assert all(math.isfinite(figure) for figure in figures.values())
        assert {"seconds", "tokens_per_second"} <= figures.keys()

    def _stops(self, text: str) -> list[GenerationParameters]:
        """Parameters whose stop sequence is in the text: at its beginning, within it, and at its end."""
        found = {text[:2], text[len(text) // 2 :][:3], text[-1:]} - {""}
        return [replace(self.parameters, stop=(stop,)) for stop in sorted(found)]


class ScoringContract(GenerationContract):
    """What every engine promises that shows a model's probabilities too."""

    def test_nothing_to_score(self) -> None:
        assert self.make_engine().loglikelihood([]) == []

    def test_a_loglikelihood_is_the_sum_of_its_tokens(self) -> None:
        for answer in self.make_engine().loglikelihood([("Granite is", f" {text}") for text in _TEXTS]):
            assert answer.tokens == len(answer.token_logprobs) >= 1
            assert math.isclose(answer.logprob, sum(answer.token_logprobs), abs_tol=1e-9)
            assert answer.logprob <= 1e-6

    def test_loglikelihoods_do_not_depend_on_their_company(self) -> None:
        engine = self.make_engine()
        requests = [(first, f" {second}") for first in _TEXTS for second in _TEXTS]
        together = engine.loglikelihood(requests)
        for place in range(0, len(requests), 5):
            alone = engine.loglikelihood([requests[place]])[0]
            assert np.allclose(alone.token_logprobs, together[place].token_logprobs, rtol=0, atol=LOGPROB_TOLERANCE)

    def test_an_empty_continuation_has_no_tokens(self) -> None:
        answer = self.make_engine().loglikelihood([("Granite is", "")])[0]
        assert (answer.logprob, answer.tokens, answer.greedy) == (0.0, 0, True)

    def test_a_context_may_be_empty(self) -> None:
        answer = self.make_engine().loglikelihood([("", "Granite is hard rock")])[0]
        assert answer.tokens >= 1
        assert math.isfinite(answer.logprob)

    def test_a_text_that_one_window_holds_is_a_continuation_of_nothing(self) -> None:
        engine = self.make_engine()
        rolled = engine.rolling_loglikelihood(_TEXTS, window=256, stride=128)
        for whole, part in zip(rolled, engine.loglikelihood([("", text) for text in _TEXTS]), strict=True):
            assert whole.tokens == part.tokens
            assert np.allclose(whole.token_logprobs, part.token_logprobs, rtol=0, atol=LOGPROB_TOLERANCE)

    def test_windows_score_every_token_once(self) -> None:
        engine = self.make_engine()
        text = " ".join(_TEXTS)
        whole = engine.rolling_loglikelihood([text], window=500, stride=1)[0]
        for window, stride in ((2, 1), (7, 3), (16, 15)):
            answer = engine.rolling_loglikelihood([text], window=window, stride=stride)[0]
            assert answer.tokens == len(answer.token_logprobs) == whole.tokens
            assert math.isclose(answer.logprob, math.fsum(answer.token_logprobs), abs_tol=1e-9)
            assert all(logprob <= 1e-6 for logprob in answer.token_logprobs)

    def test_windows_out_of_range_are_refused_all_at_once(self) -> None:
        engine = self.make_engine()
        for window, stride, named in ((1, 0, ("window", "stride")), (8, 8, ("stride",)), (10**9, 1, ("window",))):
            text = _refusal(partial(engine.rolling_loglikelihood, ["rock"], window=window, stride=stride))
            assert all(name in text for name in named)

    def test_a_text_without_a_token_has_no_loglikelihood(self) -> None:
        engine = self.make_engine()
        assert engine.rolling_loglikelihood([], window=8, stride=4) == []
        answer = engine.rolling_loglikelihood([""], window=8, stride=4)[0]
        assert (answer.logprob, answer.tokens) == (0.0, 0)


class EngineContract(ScoringContract):
    """What every engine promises that shows a model's probabilities and vectors too."""

    def test_nothing_to_embed(self) -> None:
        engine = self.make_engine()
        assert engine.embed([]).shape == (0, engine.embed(["rock"]).shape[1])

    def test_embeddings_have_length_one(self) -> None:
        vectors = self.make_engine().embed(_TEXTS)
        assert vectors.dtype == np.float32
        assert len(vectors) == len(_TEXTS)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, rtol=0, atol=EMBEDDING_TOLERANCE)

    def test_embeddings_do_not_depend_on_their_company(self) -> None:
        engine = self.make_engine()
        together = engine.embed(_TEXTS)
        for vector, text in zip(together, _TEXTS, strict=True):
            assert np.allclose(engine.embed([text])[0], vector, rtol=0, atol=EMBEDDING_TOLERANCE)


def _refusal(refused: Callable[..., object], *arguments: object) -> str:
    try:
        refused(*arguments)
    except InvalidInput as error:
        return str(error)
    raise AssertionError("nothing was refused")


def _same_but_for_near_ties(one: Response, other: Response) -> None:
    if one.near_ties or other.near_ties:
        return
    assert one.tokens == other.tokens
    assert (one.text, one.stop_reason) == (other.text, other.stop_reason)
    assert np.allclose(one.logprobs, other.logprobs, rtol=0, atol=LOGPROB_TOLERANCE)
