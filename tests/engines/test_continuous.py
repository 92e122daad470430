from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from outcrop.domain.generation import GenerationParameters, Prompt, Response
from outcrop.engines import continuous
from outcrop.engines.continuous import Continuous
from outcrop.engines.decoding import Row
from outcrop.engines.lanes import Lanes
from outcrop.engines.planning import Limits
from outcrop.engines.transformers import LoadedBase, TransformersEngine
from outcrop.models.chat import ChatTokenizer
from outcrop.testing.engines import as_prompts
from tests.engines.test_adapters import adapter
from tests.engines.test_transformers import texts

GREEDY = GenerationParameters(max_tokens=30)


def finish(running: Continuous) -> None:
    """Pass by pass, until nothing is left."""
    for _ in range(10_000):
        if not running.rows:
            return
        running.step()
    raise AssertionError("it does not end")


def answered(base: LoadedBase, rows: Sequence[Row], source: random.Random | None = None) -> list[Response]:
    """The rows' responses; they come all at once, or at random moments."""
    running, coming = base.engine().continuous(), list(rows)
    while coming or running.rows:
        for _ in range(source.randint(0, 3) if source else len(coming)):
            if coming:
                running.add(coming.pop(0))
        if running.rows:
            running.step()
    return [row.response() for row in rows]


def same(found: Response, alone: Response) -> bool:
    """Whether two responses are the same, or differ after a near tie."""
    return (found.tokens, found.text) == (alone.tokens, alone.text) or alone.near_ties + found.near_ties > 0


@pytest.mark.parametrize("seed", range(3))
def test_requests_that_come_at_any_time_get_what_they_get_alone(tiny_base: LoadedBase, seed: int) -> None:
    source, engine = random.Random(seed), tiny_base.engine()
    asked = [
        (prompt, replace(GREEDY, max_tokens=source.randint(1, 40), temperature=source.choice((0, 0.7, 1.2)), seed=seed))
        for prompt in as_prompts(texts(20))
    ]
    rows = [engine.row(prompt, replace(how, top_k=source.choice((0, 5)))) for prompt, how in asked]
    alone = [engine.generate([prompt], row.parameters)[0] for (prompt, _), row in zip(asked, rows, strict=True)]
    found = answered(tiny_base, rows, source)
    assert all(same(*pair) for pair in zip(found, alone, strict=True))
    assert sum(one.tokens == other.tokens for one, other in zip(found, alone, strict=True)) > 15


def test_a_long_prompt_joins_short_ones_and_outlives_them(tiny_base: LoadedBase) -> None:
    engine = tiny_base.engine()
    prompts = as_prompts(["a b", "c", "long " * 60, "d"])
    rows = [
        engine.row(prompt, replace(GREEDY, max_tokens=20 if place != 2 else 60)) for place, prompt in enumerate(prompts)
    ]
    running = tiny_base.engine().continuous()
    for row in rows:
        running.add(row)
        running.step()
        running.step()
    finish(running)
    for prompt, row in zip(prompts, rows, strict=True):
        assert same(row.response(), engine.generate([prompt], row.parameters)[0])


def test_what_is_told_piece_by_piece_is_the_text(tiny_base: LoadedBase) -> None:
    engine = tiny_base.engine()
    stop = engine.generate(as_prompts(["a"]), GREEDY)[0].text[8:10]
    rows = [engine.row(prompt, replace(GREEDY, stop=(stop,))) for prompt in as_prompts(["a", "b", "c d e f"])]
    running, told = tiny_base.engine().continuous(), dict.fromkeys(rows, "")
    for row in rows:
        running.add(row)
    while running.rows:
        for row in running.step():
            told[row] += row.fresh()
    assert [told[row] for row in rows] == [row.response().text for row in rows]
    assert rows[0].response().stop_sequence == stop
    assert rows[0].response().stop_reason == "stop_sequence"


@pytest.mark.parametrize("steps", range(6))
def test_a_cancelled_row_leaves_the_others_alone(tiny_base: LoadedBase, steps: int) -> None:
    engine = tiny_base.engine()
    prompts = as_prompts(["x " * 100, "y", "z " * 50])
    rows = [engine.row(prompt, GREEDY) for prompt in prompts]
    running = tiny_base.engine().continuous()
    for row in rows:
        running.add(row)
    for _ in range(steps):
        running.step()
    running.cancel(rows[0])
    assert running.rows == 2
    finish(running)
    assert not rows[0].reason
    for prompt, row in zip(prompts[1:], rows[1:], strict=True):
        assert same(row.response(), engine.generate([prompt], GREEDY)[0])


def test_a_row_that_is_cancelled_while_its_prompt_is_read_is_let_go(
    tiny_base: LoadedBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuous, "_TOGETHER", 256)
    engine = tiny_base.engine()
    prompts = as_prompts(["a", "x " * 30, "y " * 30])
    rows = [engine.row(prompt, GREEDY) for prompt in prompts]
    running = engine.continuous()
    running.add(rows[0])
    running.step()
    for row in rows[1:]:
        running.add(row)
    running.step()
    assert not rows[1].tokens, "its prompt is being read"
    running.cancel(rows[1])
    assert running.rows == 2
    got = set[Row]()
    while running.rows:
        got.update(running.step())
    assert got == {rows[0], rows[2]}
    assert not rows[1].reason
    for prompt, row in zip(prompts[::2], rows[::2], strict=True):
        assert same(row.response(), engine.generate([prompt], GREEDY)[0])


def test_all_cancelled_is_nothing_left(tiny_base: LoadedBase) -> None:
    engine, running = tiny_base.engine(), tiny_base.engine().continuous()
    for steps in range(4):
        rows = [engine.row(prompt, GREEDY) for prompt in as_prompts(["x " * 100, "y"])]
        for row in rows:
            running.add(row)
        for _ in range(steps):
            running.step()
        for row in rows:
            running.cancel(row)
            running.cancel(row)
        assert running.rows == 0
        assert running.step() == []


def test_rows_wait_for_places_in_their_order(tiny_folder: Path) -> None:
    base = LoadedBase(tiny_folder, limits=Limits(rows=2))
    engine, running = base.engine(), base.engine().continuous()
    rows = [engine.row(prompt, replace(GREEDY, max_tokens=5)) for prompt in as_prompts(texts(6))]
    for row in rows:
        running.add(row)
    begun: list[Row] = []
    while running.rows:
        begun += [row for row in running.step() if row not in begun]
        assert sum(not row.reason for row in begun) <= 2
    assert begun == rows


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_rows_that_outgrow_their_room_wait_again_and_go_on(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, temperature: float
) -> None:
    monkeypatch.setattr(continuous, "_AHEAD", 5)
    base = LoadedBase(tiny_folder, limits=Limits(rows=8, tokens=400, cache=0))
    engine, how = base.engine(), GenerationParameters(max_tokens=120, temperature=temperature, seed=4)
    prompts = as_prompts(["a", "b c", "d e f", "g", "h i"])
    rows = [engine.row(prompt, how) for prompt in prompts]
    running, told, waited = engine.continuous(), dict.fromkeys(rows, ""), 0
    for row in rows:
        running.add(row)
    while running.rows:
        for row in running.step():
            told[row] += row.fresh()
        live = running._running.live
        assert len(live) < 2 or len(live) * max(len(row.prompt) + len(row.tokens) for row in live) <= 400
        waited += any(row.tokens for row in running._waiting)
    assert waited, "some had to"
    alone = [engine.generate([prompt], how)[0] for prompt in prompts]
    found = [row.response() for row in rows]
    assert [told[row] for row in rows] == [response.text for response in found]
    assert [one.prompt_tokens for one in found] == [one.prompt_tokens for one in alone]
    assert sum(one.tokens == other.tokens for one, other in zip(found, alone, strict=True)) >= 4
    assert temperature or all(same(*pair) for pair in zip(found, alone, strict=True))


def test_what_prompts_begin_with_is_read_once(tiny_base: LoadedBase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that come one after the other share it too, and get the texts that they get alone."""
    read: list[int] = []
    original = Lanes.read_prompts

    def counted(self: Lanes, network: Any, prompts: Any, columns: int | None = None) -> Any:
        read.extend(len(prompt) for prompt in prompts)
        return original(self, network, prompts, columns)

    engine = tiny_base.engine()
    prompts = as_prompts([f"{'the same beginning ' * 5}{end}" for end in ("a", "b c", "", "d e f", "")])
    alone = [engine.generate([prompt], GREEDY)[0] for prompt in prompts]
    rows = [engine.row(prompt, GREEDY) for prompt in prompts]
    monkeypatch.setattr(Lanes, "read_prompts", counted)
    running = engine.continuous()
    for row in rows:
        running.add(row)
        finish(running)
    assert all(same(row.response(), one) for row, one in zip(rows, alone, strict=True))
    assert read[0] == len(rows[0].prompt)
    assert max(read[2:]) < 30 < min(len(row.prompt) for row in rows)


def test_a_row_beyond_the_limit_runs_by_itself(tiny_folder: Path) -> None:
    base = LoadedBase(tiny_folder, limits=Limits(rows=8, tokens=20, cache=0))
    engine = base.engine()
    rows = [engine.row(prompt, GREEDY) for prompt in as_prompts(texts(3))]
    found = answered(base, rows)
    assert all(
        same(row, engine.generate([prompt], GREEDY)[0]) for row, prompt in zip(found, as_prompts(texts(3)), strict=True)
    )


def test_adapters_and_the_base_run_side_by_side(tiny_folder: Path, tmp_path: Path) -> None:
    base = LoadedBase(tiny_folder)
    engines: list[TransformersEngine] = [base.engine()]
    engines += [
        base.engine(adapter(tmp_path / str(seed), tiny_folder, seed, ["q_proj", "v_proj"])) for seed in range(3)
    ]
    prompts = as_prompts(texts(12))
    rows = [engines[place % 4].row(prompt, GREEDY) for place, prompt in enumerate(prompts)]
    for place, (prompt, found) in enumerate(zip(prompts, answered(base, rows, random.Random(1)), strict=True)):
        assert same(found, engines[place % 4].generate([prompt], GREEDY)[0])


def test_a_response_goes_on_from_its_beginning(tiny_base: LoadedBase, tiny_folder: Path) -> None:
    engine, (prompt,) = tiny_base.engine(), as_prompts(["a"])
    begun = replace(prompt, begun="well ")
    tokenizer = ChatTokenizer.load(tiny_folder)
    assert engine.count(begun) == engine.count(prompt) + len(tokenizer.encode_text("well "))
    assert engine.row(begun, GREEDY).prompt[engine.count(prompt) :] == tokenizer.encode_text("well ")


def expected_shares(logits: torch.Tensor, how: GenerationParameters) -> np.ndarray[Any, Any]:
    """The distribution by its definition: temperature, then the best ``top_k``, then the smallest set of ``top_p``."""
    weights = np.exp((logits.double().numpy() - float(logits.max())) / how.temperature)
    order = np.argsort(-weights, kind="stable")
    kept = order[: how.top_k or len(order)]
    shares = weights[kept] / weights[kept].sum()
    enough = int(np.searchsorted(np.cumsum(shares), how.top_p)) + 1 if how.top_p < 1 else len(kept)
    found = np.zeros(len(weights))
    found[kept[:enough]] = shares[:enough] / shares[:enough].sum()
    return found


SAMPLED = [
    GenerationParameters(max_tokens=1, temperature=1.0),
    GenerationParameters(max_tokens=1, temperature=0.5, top_k=7),
    GenerationParameters(max_tokens=1, temperature=2.0, top_p=0.6),
    GenerationParameters(max_tokens=1, temperature=1.3, top_k=12, top_p=0.8),
]


@pytest.mark.parametrize(("how", "mates"), [*((how, False) for how in SAMPLED), (SAMPLED[-1], True)])
def test_draws_follow_the_distribution(
    tiny_base: LoadedBase, tiny_folder: Path, peer: Any, how: GenerationParameters, mates: bool
) -> None:
    """10,000 seeds: the counts fit what the definition says (chi-square), with and without batch mates."""
    engine, (prompt,) = tiny_base.engine(), as_prompts(["a"])
    with torch.no_grad():
        tokens = ChatTokenizer.load(tiny_folder).encode_prompt(prompt.messages)
        shares = expected_shares(peer(input_ids=torch.tensor([tokens])).logits[0, -1], how)
    running = tiny_base.engine().continuous()
    rows = [engine.row(prompt, replace(how, seed=seed)) for seed in range(10_000)]
    others = as_prompts(["some other text", "b"])
    for place, row in enumerate(rows):
        running.add(row)
        if mates and place % 40 == 0:
            running.add(engine.row(others[place % 2], replace(GREEDY, max_tokens=3, temperature=place % 3)))
    finish(running)
    counts = np.bincount([row.tokens[0] for row in rows], minlength=len(shares))
    assert counts[shares == 0].sum() == 0
    common = shares * len(rows) >= 5
    seen = np.append(counts[common], counts[~common].sum())
    wanted = np.append(shares[common], shares[~common].sum()) * len(rows)
    seen, wanted = (seen, wanted) if wanted[-1] >= 5 else (seen[:-1], wanted[:-1] * seen[:-1].sum() / wanted[:-1].sum())
    assert len(seen) > 3
    assert stats.chisquare(seen, wanted).pvalue > 1e-3


def test_a_seed_gives_the_same_response_among_any_mates(tiny_base: LoadedBase) -> None:
    engine, (prompt,) = tiny_base.engine(), as_prompts(["tell me"])
    how = replace(GREEDY, temperature=1.0, top_p=0.9, seed=77)
    found = []
    for mates in (0, 3, 9):
        rows = [
            engine.row(Prompt(0, other.messages), replace(how, seed=place))
            for place, other in enumerate(as_prompts(texts(mates)))
        ]
        row = engine.row(prompt, how)
        answered(tiny_base, [*rows, row])
        found.append(row.response())
    assert found[0].text == found[1].text == found[2].text
