from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from outcrop.domain.errors import InvalidInput, NotSupported
from outcrop.domain.generation import GenerationParameters, Response
from outcrop.engines.planning import Limits
from outcrop.engines.protocol import Engine
from outcrop.engines.sampling import Picks
from outcrop.engines.transformers import LoadedBase, TransformersEngine
from outcrop.models.chat import ChatTokenizer
from outcrop.testing.engines import as_prompts, streamed
from tests.tiny_model import CONTEXT, tiny_model

GREEDY = GenerationParameters(max_tokens=40)
SAMPLED = GenerationParameters(max_tokens=40, temperature=1.0, top_p=0.98, seed=5)


def texts(count: int, longest: int = 300) -> list[str]:
    source = random.Random(0)
    return ["".join(source.choices("abcdefgh ", k=source.randint(1, longest))) for _ in range(count)]


def full_logprobs(peer: Any, tokens: list[int]) -> torch.Tensor:
    """Log-probabilities of each token given those before it, by one plain forward: ``(tokens - 1, vocabulary)``."""
    with torch.no_grad():
        return torch.log_softmax(peer(input_ids=torch.tensor([tokens])).logits[0, :-1].double(), dim=-1)


def prompt_tokens(folder: Path, text: str) -> list[int]:
    return ChatTokenizer.load(folder).encode_prompt(as_prompts([text])[0].messages)


def test_greedy_text_is_that_of_transformers(tiny_base: LoadedBase, tiny_folder: Path, peer: Any) -> None:
    for text in texts(6):
        response = tiny_base.engine().generate(as_prompts([text]), GREEDY)[0]
        tokens = prompt_tokens(tiny_folder, text)
        want = peer.generate(torch.tensor([tokens]), max_new_tokens=40, do_sample=False)[0, len(tokens) :].tolist()
        assert list(response.tokens) == want
        assert response.text == ChatTokenizer.load(tiny_folder).decode(want)
        assert response.prompt_tokens == len(tokens)


def test_latency_does_not_count_waiting_for_a_place(tiny_folder: Path) -> None:
    engine = LoadedBase(tiny_folder, limits=Limits(rows=1)).engine()
    began = time.perf_counter()
    responses = engine.generate(as_prompts(texts(6)), GREEDY)
    assert sum(response.latency or 0.0 for response in responses) <= time.perf_counter() - began


@pytest.mark.parametrize("parameters", [GREEDY, SAMPLED])
def test_logprobs_are_those_of_a_full_forward(
    parameters: GenerationParameters, tiny_base: LoadedBase, tiny_folder: Path, peer: Any
) -> None:
    prompts = as_prompts(texts(8))
    for prompt, response in zip(prompts, tiny_base.engine().generate(prompts, parameters), strict=True):
        start = prompt_tokens(tiny_folder, prompt.messages[0].text)
        table = full_logprobs(peer, [*start, *response.tokens])[len(start) - 1 :]
        want = table.gather(1, torch.tensor(response.tokens)[:, None])[:, 0]
        assert np.allclose(response.logprobs, want, rtol=0, atol=1e-4)


@pytest.mark.parametrize("parameters", [GREEDY, SAMPLED])
def test_one_row_or_thirty_two(parameters: GenerationParameters, tiny_base: LoadedBase) -> None:
    engine, prompts = tiny_base.engine(), as_prompts(texts(32))
    together = engine.generate(prompts, parameters)
    alone = [engine.generate([prompt], parameters)[0] for prompt in prompts]
    assert largest_difference(together, alone) < 1e-4
    assert [response.text for response in together] == [response.text for response in alone]


def test_rows_that_leave_do_not_change_the_others(
    tiny_base: LoadedBase, with_stop_ids: Callable[..., LoadedBase]
) -> None:
    prompts = as_prompts(texts(24))
    free = tiny_base.engine().generate(prompts, GREEDY)
    # Tokens that some rows write early and others never.
    stops = [free[0].tokens[1], free[1].tokens[10], free[2].tokens[20]]
    stopped = with_stop_ids(stops).engine().generate(prompts, GREEDY)
    lengths = {len(response.tokens) for response in stopped}
    assert len(lengths) > 3
    assert {response.stop_reason for response in stopped} == {"end_turn", "max_tokens"}
    cut = [shortened(whole, len(response.tokens)) for whole, response in zip(free, stopped, strict=True)]
    assert largest_difference(stopped, cut) < 1e-4
    for response in stopped:
        assert (response.tokens[-1] in stops) == (response.stop_reason == "end_turn")
        assert not set(response.tokens[:-1]) & set(stops)


def test_the_end_of_a_turn_is_a_token_and_no_text(
    tiny_base: LoadedBase, tiny_folder: Path, with_stop_ids: Callable[..., LoadedBase]
) -> None:
    prompt = as_prompts(["granite"])
    free = tiny_base.engine().generate(prompt, GREEDY)[0]
    stop = free.tokens[5]
    response = with_stop_ids([stop]).engine().generate(prompt, GREEDY)[0]
    end = free.tokens.index(stop)
    assert response.tokens == free.tokens[: end + 1]
    assert response.text == ChatTokenizer.load(tiny_folder).decode(free.tokens[:end])


def test_a_stop_sequence_may_span_tokens_and_characters(tiny_base: LoadedBase) -> None:
    engine, prompts = tiny_base.engine(), as_prompts(texts(12))
    parameters = replace(SAMPLED, max_tokens=60)
    free = engine.generate(prompts, parameters)
    found = (match.group() for response in free[1:] if (match := re.search(r"[a-zA-Z]{3}", response.text)))
    stop = next(found)  # one token is one byte, so this spans three
    for whole, response in zip(free, engine.generate(prompts, replace(parameters, stop=(stop,))), strict=True):
        assert response.text == whole.text.split(stop)[0]
        assert (response.stop_reason == "stop_sequence") == (stop in whole.text)


def test_the_context_ends_a_response(tiny_base: LoadedBase, tiny_folder: Path) -> None:
    room = 7
    text = "x" * (CONTEXT - room - len(prompt_tokens(tiny_folder, "")))
    response = tiny_base.engine().generate(as_prompts([text, "short"]), GREEDY)[0]
    assert (response.prompt_tokens, len(response.tokens)) == (CONTEXT - room, room)
    assert response.stop_reason == "max_tokens"
    with pytest.raises(InvalidInput, match=f"prompt 0: found {CONTEXT} tokens; expected at most {CONTEXT - 1}"):
        tiny_base.engine().plan(as_prompts([text + "x" * room]), GREEDY)


def test_a_template_that_refuses_is_a_fault_of_the_prompt(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "strict")
    template = "{% if 'bad' in messages[0]['content'] %}{{ raise_exception('not this') }}{% endif %}x"
    (folder / "chat_template.jinja").write_text(template)
    engine = LoadedBase(folder).engine()
    with pytest.raises(InvalidInput) as caught:
        engine.plan(as_prompts(["bad", "good", "bad too"]), GREEDY)
    assert [fault.where for fault in caught.value.faults] == ["prompt 0", "prompt 2"]


def test_a_plan_is_cut_by_the_limits(tiny_folder: Path) -> None:
    engine = LoadedBase(tiny_folder, limits=Limits(rows=5, tokens=900)).engine()
    prompts = as_prompts(texts(30))
    sizes = {prompt.number: len(prompt_tokens(tiny_folder, prompt.messages[0].text)) for prompt in prompts}
    plan = engine.plan(prompts, GREEDY)
    order = [sizes[number] for batch in plan for number in batch]
    assert order == sorted(order, reverse=True)
    # Four times what runs side by side: the rest waits for places.
    assert all(len(batch) <= 4 * max(1, 900 // (sizes[batch[-1]] + 40)) for batch in plan)
    assert max(map(len, plan)) > 5


@pytest.mark.parametrize("parameters", [GREEDY, SAMPLED])
def test_rows_that_wait_get_what_they_get_alone(
    parameters: GenerationParameters, tiny_folder: Path, with_stop_ids: Callable[..., LoadedBase]
) -> None:
    prompts = as_prompts(texts(14, longest=120))
    free = LoadedBase(tiny_folder).engine().generate(prompts, parameters)
    stops = [free[0].tokens[1], free[1].tokens[10], free[2].tokens[20]]
    alone = [with_stop_ids(stops).engine().generate([prompt], parameters)[0] for prompt in prompts]
    assert len({len(response.tokens) for response in alone}) > 3
    narrow = with_stop_ids(stops, Limits(rows=4)).engine()
    together = narrow.generate(prompts, parameters)
    assert largest_difference(together, alone) < 1e-4
    assert [response.text for response in together] == [response.text for response in alone]
    assert narrow.generate(prompts, parameters) == together, "bit for bit"


def test_what_no_row_sees_any_more_is_dropped(tiny_folder: Path) -> None:
    prompts = as_prompts(["x" * (100 - number) for number in range(10)])
    engine = LoadedBase(tiny_folder, limits=Limits(rows=3)).engine()
    # Rows end at different steps, each after a character of its own.
    parameters = replace(SAMPLED, stop=("a", "b", "c", "é"), max_tokens=90)
    together = engine.generate(prompts, parameters)
    alone = [engine.generate([prompt], parameters)[0] for prompt in prompts]
    assert largest_difference(together, alone) < 1e-4


def test_an_emoji_is_streamed_whole(tiny_base: LoadedBase, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = "a🏔️b é"
    tokens = ChatTokenizer.load(tiny_folder).encode_text(wanted)
    assert len(tokens) == len(wanted.encode()), "one token is one byte"
    script = iter(tokens)
    monkeypatch.setattr("outcrop.engines.decoding.pick", lambda *_: Picks([next(script)], [0.0], [False]))
    parameters = replace(GREEDY, max_tokens=len(tokens))
    pieces, last = streamed(tiny_base.engine(), as_prompts(["x"])[0], parameters)
    assert (last.text, last.tokens) == (wanted, tuple(tokens))
    assert pieces == list(wanted), "each character as soon as its last byte is there"


def test_loglikelihoods_are_those_of_a_full_forward(tiny_base: LoadedBase, tiny_folder: Path, peer: Any) -> None:
    tokenizer = ChatTokenizer.load(tiny_folder)
    requests = [(first, second) for first in ("", *texts(4)) for second in (*texts(3, longest=20), "é🏔️")]
    for (context, continuation), answer in zip(requests, tiny_base.engine().loglikelihood(requests), strict=True):
        before, after = tokenizer.encode_text(context), tokenizer.encode_text(continuation)
        if not before:
            before, after = after[:1], after[1:]
        table = full_logprobs(peer, before + after)[len(before) - 1 :]
        want = table.gather(1, torch.tensor(after, dtype=torch.long)[:, None])[:, 0]
        assert np.allclose(answer.token_logprobs, want, rtol=0, atol=1e-4)
        assert answer.tokens == len(after)
        assert answer.greedy == (table.argmax(dim=1).tolist() == after)


def test_a_greedy_continuation_is_known(tiny_base: LoadedBase, tiny_folder: Path) -> None:
    engine, tokenizer = tiny_base.engine(), ChatTokenizer.load(tiny_folder)
    found = [engine.generate(as_prompts([text]), replace(GREEDY, max_tokens=1))[0].text for text in texts(40)]
    place = next(place for place, text in enumerate(found) if text.isascii() and text)
    context = tokenizer.render(as_prompts([texts(40)[place]])[0].messages, answer_next=True)
    right, wrong = engine.loglikelihood([(context, found[place]), (context, chr(ord(found[place]) ^ 1))])
    assert (right.greedy, wrong.greedy) == (True, False)
    assert right.logprob > wrong.logprob


def test_requests_over_the_context_are_refused_together(tiny_base: LoadedBase) -> None:
    with pytest.raises(InvalidInput, match="request 2") as caught:
        tiny_base.engine().loglikelihood([("a" * CONTEXT, "b"), ("a", "b"), ("", "b" * (CONTEXT + 1))])
    assert caught.value.total == 2


def test_an_embedding_is_the_mean_of_the_last_states(tiny_base: LoadedBase, tiny_folder: Path, peer: Any) -> None:
    tokenizer = ChatTokenizer.load(tiny_folder)
    found = texts(5)
    for text, vector in zip(found, tiny_base.engine().embed(found), strict=True):
        with torch.no_grad():
            states = peer(torch.tensor([tokenizer.encode_text(text)]), output_hidden_states=True).hidden_states[-1][0]
        mean = states.double().mean(dim=0)
        assert np.allclose(vector, mean / mean.norm(), rtol=0, atol=1e-5)


def test_a_text_without_tokens_has_no_embedding(tiny_base: LoadedBase) -> None:
    with pytest.raises(InvalidInput, match="text 1: found 0 tokens; expected at least 1"):
        tiny_base.engine().embed(["a", ""])


def test_figures_tell_the_padding(tiny_folder: Path, tiny_base: LoadedBase) -> None:
    engine = tiny_base.engine()
    engine.generate(as_prompts(["x" * 100, "x" * 10]), replace(GREEDY, max_tokens=2))
    long, short = (len(prompt_tokens(tiny_folder, "x" * count)) for count in (100, 10))
    figures = engine.figures()
    shared = len("_user\n") + 10
    assert figures["padding_share"] == pytest.approx(1 - (long + short - shared) / (2 * long - shared))
    assert figures["tokens_per_second"] == pytest.approx(figures["tokens"] / figures["seconds"])


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotSupported):
        LoadedBase(tmp_path)


def test_the_engine_is_an_engine(tiny_base: LoadedBase) -> None:
    engine: Engine = tiny_base.engine()
    assert isinstance(engine, TransformersEngine)


def largest_difference(some: list[Response], others: list[Response]) -> float:
    assert [response.tokens for response in some] == [response.tokens for response in others]
    return max(
        float(np.abs(np.subtract(one.logprobs, other.logprobs)).max()) for one, other in zip(some, others, strict=True)
    )


def shortened(response: Response, length: int) -> Response:
    return replace(response, tokens=response.tokens[:length], logprobs=response.logprobs[:length])
